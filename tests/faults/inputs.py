"""Everything that reads what somebody else wrote: well-formed examples of it, and what the program does with it."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest

from tests.faults.examples import (
    ADAPTER,
    ALPACA,
    ANSWERS,
    COMMAND_LINES,
    CONFIG,
    KEPT,
    LINES,
    ROOT,
    SAMPLES,
    SESSIONS,
    TABLE,
    TICKET,
    TOKENIZER,
    arrow,
    arrow_file,
    command_lines,
    recorded,
    safetensors,
)  # fmt: skip
from tui import console
from tui.__main__ import main
from tui.catalog.local import ModelError, read_model
from tui.data.lint import lint
from tui.data.looking import reading_of
from tui.data.opening import count_rows, iterate_records
from tui.data.records import DataError
from tui.run import (
    chat_commands,
    chat_events,
    commands,
    curves,
    example_file,
    exports,
    fits,
    labels,
    lock,
    queue,
    saved_talks,
)
from tui.run.advice import advise
from tui.run.assigned import assigned
from tui.run.conversation import Conversation, asked, fold_reply
from tui.run.folder import RunFolder
from tui.run.going_on import why_not
from tui.run.listing import Listing, read_row
from tui.run.preflight import preflight
from tui.run.said import difference, said
from tui.run.watcher import read_state
from tui.session import drafts, file, recent
from tui.session.fields import fields_of
from tui.session.presets import list_presets
from tui.session.schema import Session
from tui.session.sections.data import DataSection
from tui.session.text import describe, from_text, to_text
from tui.themes import ThemeFault, own_slots, read_theme
from tui.widgets.foreign import cell, foreign
from tui.widgets.markdown_text import make_parser

PAGE_BYTES = 5 << 29
"""Arrow makes room for a page of a Parquet file as its header says, up to 2 GiB."""
HARMFUL = {*range(32), *range(0x7F, 0xA0)} - {9, 10}
"""Characters that steer a terminal."""
SPECS = tuple(fields_of(Session))
"""Every field of a session."""


@dataclass(frozen=True)
class Input:
    """One way in."""

    examples: Sequence[bytes]
    take: Callable[[bytes, Path], object]
    """What the program does with such content, in an empty folder that is also its home; refusals are caught in here."""
    share: float = 1.0
    """How often it is tried, against the others: seldom where one case takes long."""
    memory_bytes: int = 1 << 30
    """What one case may take at most."""


def _one_line(error: Exception) -> None:
    assert "\n" not in str(error), f"a refusal of several lines: {error}"


# ---- sessions, presets, themes


def _session(content: bytes, place: Path) -> None:
    path = place / "session.toml"
    path.write_bytes(content)
    try:
        session = file.load(path)
    except file.SessionError as error:
        assert error.problems
        return
    again = file.parse(file.dumps(session))
    assert again == session
    changed = file.replace_value(session, "lora.r", session.lora.r + 1)
    file.save(changed, path, path)
    assert file.load(path) == file.anchored(changed, place)
    preflight(session)
    for spec in SPECS[:: max(1, len(SPECS) // 9)]:
        section, _, name = spec.key.partition(".")
        to_text(getattr(getattr(session, section), name))


def _typed(content: bytes, place: Path) -> None:
    """What somebody types into a field of the form."""
    text = content.decode("utf-8", "replace")[:2000]
    for spec in SPECS:
        with contextlib.suppress(ValueError, file.SessionError):
            value = from_text(text, spec)
            session = file.replace_value(Session(), spec.key, value)
            to_text(value)
            file.parse(file.dumps(session))
    describe(SPECS[len(content) % len(SPECS)])


def _preset(content: bytes, place: Path) -> None:
    (place / "presets").mkdir()
    (place / "presets" / "own.toml").write_bytes(content)
    for preset in list_presets():
        if not preset.problem:
            preset.applied_to(Session())


def _drafts(content: bytes, place: Path) -> None:
    (place / "drafts").mkdir()
    (place / "drafts" / "77777777-1.toml").write_bytes(content)
    (place / "recent-sessions").write_bytes(content)
    drafts.left_behind()
    recent.list_recent()


def _theme(content: bytes, place: Path) -> None:
    (place / "own.toml").write_bytes(content)
    with contextlib.suppress(ThemeFault):
        theme = read_theme(place / "own.toml")
        theme.to_color_system().generate()
        own_slots(theme)


# ---- datasets


def _rows(content: bytes, place: Path, name: str) -> None:
    path = place / name
    path.write_bytes(content)
    data = DataSection(source=str(path), skip_bad_rows=True)
    try:
        reading = reading_of(data)
        lint(iterate_records(data), reading, data)
        count_rows(data)
    except DataError as error:
        _one_line(error)


def _dataset(name: str, *examples: bytes, share: float = 1.0) -> Input:
    return Input(examples, lambda content, place: _rows(content, place, name), share)


# ---- model folders


def _model(content: bytes, place: Path, name: str) -> None:
    folder = place / "model"
    folder.mkdir()
    whole = {"config.json": CONFIG, "tokenizer_config.json": TOKENIZER, "model.safetensors": safetensors()}
    whole |= {"adapter_model.safetensors": safetensors()} if name.startswith("adapter") else {}
    for other, good in (whole | {name: content}).items():
        (folder / other).write_bytes(good)
    table = {"model": {"name": str(folder), "max_seq_length": 512}, "data": {"source": str(place / "none.jsonl")}}
    with contextlib.suppress(ModelError):
        read_model(str(folder))
    preflight(file.from_table(table))


def _model_file(name: str, *examples: bytes) -> Input:
    return Input(examples, lambda content, place: _model(content, place, name), 0.5)


# ---- run folders


def _run(content: bytes, place: Path, name: str) -> None:
    folder = RunFolder(place / "runs" / "2026-01-01-0000-x")
    folder.path.mkdir(parents=True)
    folder.session.write_bytes((SAMPLES / "shell.toml").read_bytes())
    folder.events.write_bytes(recorded()[0])
    folder.lock.write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    (folder.path / name).write_bytes(content)
    state = read_state(folder)
    row = read_row(folder)
    console.run_line(row)
    json.loads(console.to_json(console.table_row(row)))
    Listing().rows()
    try:
        session = file.load(folder.session)
    except file.SessionError:
        session = None
    advise(state, session)
    labels.read_labels(folder, session)
    assigned(folder)
    lock.is_held(folder.lock)
    queue.waiting()
    why_not(folder)
    [commands.from_line(line) for line in content.split(b"\n")]
    if len(state.steps) > 2:
        curves.to_csv(state)
    if len(content) % 8 == 0:
        with contextlib.suppress(OSError, curves.UnknownKind):
            curves.export(state, folder.name, place / "curve.svg")


def _run_file(name: str, *examples: bytes, share: float = 0.5) -> Input:
    return Input(examples, lambda content, place: _run(content, place, name), share)


def _kept(content: bytes, place: Path) -> None:
    """What the program has written for itself and reads again."""
    for name in ("fits.jsonl", "agreed", "cache/runs.json"):
        path = place / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    list(fits.kept())
    Listing().rows()
    record = place / "export.json"
    record.write_bytes(content)
    exports.read_record(place)
    saved_talks.load(record)
    (place / "rows.jsonl").write_bytes(content)
    example_file.why_not(place / "rows.jsonl")


# ---- chat


def _chat(content: bytes, place: Path) -> None:
    """A prompt that is typed, pasted or an argument of bytes that are no text, and the same as an answer."""
    text = content.decode("utf-8", "surrogateescape")
    talk = asked(Conversation(name=saved_talks.new_name()), "1", text, ("base", "tuned"), "here")
    talk = fold_reply(talk, chat_events.Replied(id="1", voice="base", text=text, done=True))
    talk = fold_reply(talk, chat_events.Replied(id="1", voice="tuned", text=text[::-1], done=True))
    command = commands.Chat(id="1", speakers=(chat_commands.Speaker("base", (chat_commands.Message("user", text),)),))
    heard = commands.from_line(commands.to_line(command))
    assert isinstance(heard, commands.Chat)
    assert heard.speakers[0].messages[0].content == text.encode(errors="replace").decode()
    path = saved_talks.keep(saved_talks.SavedTalk(talk))
    assert saved_talks.load(path) is not None
    said(text)
    difference(text[:2000], text[1:2000])
    make_parser().parse(text[:20_000])
    assert not set(map(ord, foreign(text).plain + cell(text).plain + console.plain(text))) & HARMFUL


# ---- the command line


def _command_line(content: bytes, place: Path) -> None:
    """Words of the program in any order, with others between; no process can be started meanwhile, as on a full box."""
    (place / "x.toml").write_bytes((SAMPLES / "shell.toml").read_bytes())
    (place / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    words = [part.decode("utf-8", "surrogateescape").replace("\0", "") for part in content.split(b"\x1f")][:12]

    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        patch.setattr(subprocess, "Popen", refuse)
        patch.setattr(sys, "argv", ["unsloth-tui", *words])
        patch.setattr(sys, "stdin", io.StringIO("hello"))
        patch.chdir(place)
        with contextlib.redirect_stderr(io.StringIO()) as told, contextlib.suppress(SystemExit):
            main()
    assert "Traceback" not in told.getvalue() + out.getvalue()


def inputs() -> dict[str, Input]:
    """Every way in, by name."""
    whole = LINES[0]
    found = {
        "session": Input(SESSIONS, _session),
        "typed": Input([b"1", b"0.5", b"on", b"a, b", b"k = 1, b = x", b"q_proj", *SESSIONS[:1]], _typed, 0.1),
        "preset": Input(SESSIONS, _preset, 0.3),
        "draft": Input([b"# of: /tmp/x.toml\n" + text for text in SESSIONS], _drafts, 0.3),
        "theme": Input([path.read_bytes() for path in sorted((ROOT / "themes").glob("*.toml"))], _theme),
        "rows.jsonl": _dataset("rows.jsonl", *LINES, share=3),
        "rows.json": _dataset("rows.json", ALPACA, *LINES[:4], b'{"text": ["a", "b"]}'),
        "rows.csv": _dataset("rows.csv", TABLE, (SAMPLES / "prompt_completion.csv").read_bytes()),
        "rows.tsv": _dataset("rows.tsv", TABLE.replace(b",", b"\t"), (SAMPLES / "columns.tsv").read_bytes()),
        "rows.txt": _dataset("rows.txt", (SAMPLES / "text.txt").read_bytes()),
        "rows": _dataset("rows", *LINES[:4], TABLE),
        "rows.parquet": replace(_dataset("rows.parquet", arrow(pyarrow.parquet.write_table)), memory_bytes=PAGE_BYTES),
        "rows.arrow": _dataset("rows.arrow", arrow(arrow_file)),
        "rows.feather": _dataset("rows.feather", arrow(pyarrow.feather.write_feather), share=0.5),
        "rows.jsonl.gz": _dataset("rows.jsonl.gz", gzip.compress(whole), share=0.5),
        "rows.jsonl.bz2": _dataset("rows.jsonl.bz2", bz2.compress(whole), share=0.3),
        "rows.jsonl.xz": _dataset("rows.jsonl.xz", lzma.compress(whole), share=0.3),
        "rows.jsonl.zst": _dataset("rows.jsonl.zst", bytes(pyarrow.Codec("zstd").compress(whole).to_pybytes()), share=0.5),
        "config.json": _model_file("config.json", CONFIG),
        "tokenizer_config.json": _model_file("tokenizer_config.json", TOKENIZER),
        "adapter_config.json": _model_file("adapter_config.json", ADAPTER),
        "model.safetensors": _model_file("model.safetensors", safetensors()),
        "events": _run_file("events.jsonl", *recorded(), share=1),
        "commands": _run_file("commands.jsonl", COMMAND_LINES),
        "run session": _run_file("session.toml", *SESSIONS[:1], share=0.3),
        "lock": _run_file("engine.lock", b'{"pid": 1, "started": 1.0, "host": "here", "birth": "a 1"}', share=0.3),
        "labels": _run_file("labels.json", b'{"tags": ["a", "b"], "notes": "c"}', share=0.3),
        "ticket": _run_file("queued.json", TICKET, share=0.3),
        "assigned": _run_file("assigned.json", b'["0", "1"]', share=0.2),
        "kept": Input([*KEPT, *recorded()], _kept, 0.5),
        "chat": Input(ANSWERS, _chat),
        "command line": Input(command_lines(), _command_line, 0.4),
    }  # fmt: skip
    return found


def cleared(place: Path) -> Path:
    """The same folder, empty."""
    for path in place.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return place
