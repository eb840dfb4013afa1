"""Rows of a local file, one by one, with the number of the line or row in every complaint."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

Row = dict[str, Any]

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet", ".txt")
_FIELD_LIMIT = 64 << 20


class DataError(Exception):
    """Data that cannot be used, in one sentence that names the file and the row."""


def read_rows(source: str, limit: int | None = None) -> list[Row]:
    """The first `limit` rows of a file, or all of them. Raises DataError."""
    return list(islice(iterate_rows(source), limit))


def iterate_rows(source: str) -> Iterator[Row]:
    """Every row of a file as a dict from column to value. Raises DataError, at the row where it goes wrong."""
    try:
        path = Path(source).expanduser()
        _require_file(path)
    except (OSError, RuntimeError) as error:  # a name that no file can have
        raise DataError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    readers = {
        ".jsonl": _jsonl,
        ".ndjson": _jsonl,
        ".json": _json,
        ".csv": _csv,
        ".tsv": _csv,
        ".parquet": _parquet,
        ".txt": _text,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: files of this kind cannot be read; known are {', '.join(SUFFIXES)}")
    found = False
    try:
        for row in reader(path):
            found = True
            yield row
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: line {_undecodable_line(path)} cannot be read") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or ' '.join(str(error).split())}") from None
    if not found:
        raise DataError(f"{path} is empty: there is not a single row in it")


def count_rows(source: str) -> int:
    """How many rows a file has, without making them where the format allows. Raises DataError."""
    path = Path(source).expanduser()
    if path.suffix.lower() == ".parquet" and path.is_file():
        import pyarrow
        import pyarrow.parquet

        try:
            return int(pyarrow.parquet.read_metadata(path).num_rows)
        except (pyarrow.ArrowException, OSError):
            pass  # reading it says what is wrong
    if path.suffix.lower() in (".jsonl", ".ndjson") and path.is_file():
        with path.open(encoding="utf-8-sig", errors="replace") as stream:
            return sum(1 for line in stream if line.strip())
    return sum(1 for _ in iterate_rows(source))


def _undecodable_line(path: Path) -> int:
    """The first line that is not UTF-8; a decoder that reads in blocks cannot tell."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 0


def _require_file(path: Path) -> None:
    if path.is_dir():
        raise DataError(f"{path} is a folder; choose a file in it")
    if not path.is_file():
        raise DataError(f"there is no file {path}")


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield _object(_parsed(line, f"{path}, line {number}"), f"{path}, line {number}")


def _json(path: Path) -> Iterator[Row]:
    text = path.read_text(encoding="utf-8-sig")
    if not text.strip():
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        if "\n" in text.strip() and text.lstrip().startswith("{"):
            yield from _jsonl(path)  # JSON lines under the name .json
            return
        raise DataError(f"{path} is not JSON: {_json_words(error)}") from None
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 and len(value) <= 3 and not _is_conversation(lists[0]) else [value]
    if not isinstance(value, list):
        raise DataError(f"{path} holds {type(value).__name__}, not a list of objects")
    for number, item in enumerate(value, 1):
        yield _object(item, f"{path}, row {number}")


def _is_conversation(items: list[Any]) -> bool:
    """Whether these are the turns of one row rather than rows."""
    return bool(items) and all(isinstance(item, dict) and ("role" in item or "from" in item) for item in items)


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_FIELD_LIMIT)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream, delimiter=delimiter)
        try:
            written = (row for row in rows if any(cell.strip() for cell in row))  # spreadsheets leave empty rows behind
            columns = next(written, [])
            for row in written:
                if len(row) > len(columns):
                    raise DataError(f"{path}, line {rows.line_num}: more values than columns")
                yield dict(zip_longest(columns, row, fillvalue=""))
        except csv.Error as error:
            raise DataError(f"{path}, line {rows.line_num}: {error}") from None


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow  # half a second, which only those who have such a file should wait for
    import pyarrow.parquet

    try:
        for batch in pyarrow.parquet.ParquetFile(path).iter_batches(1000):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise DataError(f"{path} is not a Parquet file: {' '.join(str(error).split())}") from None


def _text(path: Path) -> Iterator[Row]:
    """Paragraphs: blocks of lines between empty ones."""
    block: list[str] = []
    with path.open(encoding="utf-8-sig") as stream:
        for line in stream:
            if line.strip():
                block.append(line.rstrip("\n"))
            elif block:
                yield {"text": "\n".join(block)}
                block = []
    if block:
        yield {"text": "\n".join(block)}


def _parsed(line: str, place: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is not JSON: {_json_words(error)}") from None


def _json_words(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at column {error.colno}" + (f" of line {error.lineno}" if error.lineno > 1 else "")
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _object(value: Any, place: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(f"{place} holds {type(value).__name__}, not an object with columns")
    return value
