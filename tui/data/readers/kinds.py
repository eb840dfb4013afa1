"""Which kind a file is, by how it begins or by its name."""

from __future__ import annotations

from pathlib import PurePath
from typing import cast

from tui.data.readers import arrow, compressed, delimited, json_document, json_lines, paragraphs, parquet
from tui.data.readers.found import Reader, Unreadable

_READERS = {
    ".jsonl": json_lines,
    ".ndjson": json_lines,
    ".json": json_document,
    ".csv": delimited,
    ".tsv": delimited,
    ".parquet": parquet,
    ".arrow": arrow,
    ".feather": arrow,
    ".ipc": arrow,
    ".txt": paragraphs,
    ".md": paragraphs,
}
SUFFIXES = tuple(_READERS)
TEXT_SUFFIXES = (".txt", ".md")
CAN_BE_READ = f"{', '.join(SUFFIXES)}, also with {', '.join(compressed.SUFFIXES)}"
_PARQUET_MARK = b"PAR1"
_STREAM_MARK = b"\xff\xff\xff\xff"
_OTHER_KINDS = {
    b"PK\x03\x04": "is a ZIP archive or an Excel file: unpack it, or save the table as CSV",
    b"%PDF": "is a PDF file: save its text as .txt",
    b"SQLite format 3": "is an SQLite database: write the table that is wanted as CSV",
    b"\x89HDF": "is an HDF5 file: write its table as Parquet or CSV",
    b"\x80\x04": "is a pickle of Python, which could run any program: write it as JSON or Parquet",
}


def suffix_of(name: str) -> str:
    """The suffix that tells the kind, in small letters: of ``a.jsonl.gz`` it is ``.jsonl``."""
    path = PurePath(name.lower())
    return PurePath(path.stem).suffix if path.suffix in compressed.SUFFIXES else path.suffix


def is_known(name: str) -> bool:
    """Whether a file with this name can be read."""
    return suffix_of(name) in _READERS


def reader_of(name: str, head: bytes) -> Reader:
    """The reader for a file that begins with `head`, after unpacking. Raises Unreadable."""
    if head.startswith(_PARQUET_MARK) and suffix_of(name) != ".txt":
        return cast(Reader, parquet)
    if head.startswith(arrow.FILE_MARK):
        return cast(Reader, arrow)
    known = _READERS.get(suffix_of(name))
    if other := next((words for mark, words in _OTHER_KINDS.items() if head.startswith(mark)), ""):
        raise Unreadable(other)
    if known is None and head.startswith(_STREAM_MARK):
        return cast(Reader, arrow)
    if known is None and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return cast(Reader, json_document)
    if known is None:
        raise Unreadable(f"cannot be read: its kind is not known; what can be read is {CAN_BE_READ}")
    return cast(Reader, known)


def needs_seeking(reader: Reader) -> bool:
    """Whether it goes back and forth in a file."""
    return reader in (cast(Reader, parquet), cast(Reader, arrow))
