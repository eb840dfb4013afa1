"""What the campaigns have found, each as it was: none of it may come back."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.ipc
import pytest
from rich.segment import Segment
from textual.color import Color

from tui.catalog.local import read_model
from tui.data.opening import iterate_records
from tui.data.records import DataError
from tui.run import commands, events
from tui.run.fits import kept
from tui.run.folder import RunFolder
from tui.run.lines import escaped
from tui.run.listing import Listing
from tui.run.preflight import preflight
from tui.run.watcher import read_state
from tui.session import recent
from tui.session.file import from_table
from tui.session.sections.data import DataSection
from tui.widgets.foreign import Harmless, plain

HALF = "half a \udca6 letter"


def test_an_arrow_file_with_wrong_offsets_is_refused_and_ends_no_process(tmp_path: Path) -> None:
    """Arrow follows them to wherever they lead."""
    batch = pyarrow.record_batch([pyarrow.array(["abc", "def"])], names=["text"])
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_file(sink, batch.schema) as file:
        file.write_batch(batch)
    right, wrong = (b"".join(place.to_bytes(4, "little") for place in places) for places in ((0, 3, 6), (0, 1 << 30, 3)))
    written = bytes(sink.getvalue().to_pybytes())
    assert written.count(right) == 1
    (tmp_path / "a.arrow").write_bytes(written.replace(right, wrong))
    with pytest.raises(DataError, match="is no whole Arrow file"):
        list(iterate_records(DataSection(source=str(tmp_path / "a.arrow"))))


def test_a_text_with_half_a_character_can_be_asked_and_told() -> None:
    """`chat --prompt $'\\xa6'` brings one, and so does the name of a file; no file of text can hold it."""
    command = commands.from_line(commands.to_line(commands.Preview(id="1", row=0, session=HALF)))
    assert isinstance(command, commands.Preview) and command.session == "half a ? letter"
    event = events.Warned(code="x", text=HALF, mend={HALF: HALF}, time=1.0)
    told = events.from_line(events.to_line(event))
    assert told == events.Warned(code="x", text="half a ? letter", mend={"half a ? letter": "half a ? letter"}, time=1.0)


def test_a_damaged_list_of_recent_sessions_is_no_reason_not_to_start(home: Path) -> None:
    home.mkdir()
    (home / "recent-sessions").write_text("/a\0b.toml\n/none.toml\n")
    assert recent.list_recent() == []


def test_json_on_a_terminal_steers_it_as_little_as_words() -> None:
    line = events.to_line(events.Warned(code="x", text="\x9b2J \u202e \U000e0041", time=1.0))
    printed = escaped(line.rstrip("\n"))
    assert printed.isprintable()
    assert events.from_line(printed) == events.from_line(line)


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("a\x1b[2Jb", 5, "a[2Jb"),
        ("\U0001f469\u200d\U0001f52cx", 3, "\U0001f469x"),
        ("\u2764\ufe0f.", 3, "\u2764 ."),
        ("\U0001f1e9\U0001f1ea", 2, "DE"),
        ("\U0001f44d\U0001f3fd!", 3, "\U0001f44d!"),
        ("e" + "\u0301" * 500 + "f", 2, "e" + "\u0301" * 8 + "f"),
        ("日本 é", 6, "日本 é"),
    ],
)
def test_a_line_is_as_wide_on_every_terminal_as_it_is_counted(text: str, cells: int, shown: str) -> None:
    (painted,) = Harmless().apply([Segment(text)], Color(0, 0, 0))
    assert (painted.text, painted.cell_length) == (shown, cells)


def test_what_hides_in_a_text_is_shown() -> None:
    assert plain("a\U000e0041\u061cb\u2028c\u200dd") == "a\ufffd\ufffdb\u2424c\u200cd"


@pytest.mark.parametrize("name", ["-x/y", "a/~nobody", "a/b..c", "a/" + "b" * 200])
def test_a_name_that_no_model_on_the_hub_can_have_is_said_so(name: str) -> None:
    session = from_table({"model": {"name": name}, "data": {"source": "x.jsonl"}})
    told = [str(problem) for problem in preflight(session) if problem.key == "model.name"]
    assert told == [f"model.name: {name} is no name on the hub (owner/model)"]


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "vocab_size", "num_experts", "max_position_embeddings"])
def test_a_model_of_absurd_size_is_no_reason_to_fall_over(key: str, hollow_model: Callable[..., Path]) -> None:
    whole = {"num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 600, "num_attention_heads": 4}
    folder = hollow_model(**whole | {key: 10**400})
    session = from_table({"model": {"name": str(folder), "device": "cpu"}, "data": {"source": "x.jsonl"}})
    assert preflight(session)
    assert read_model(str(folder)).context_length in (None, 4096)


@pytest.mark.parametrize("line", ['{"session": []}', "[" * 100_000, '{"session": 1.5, "device": "x", "trials": []}'])
def test_damaged_measurements_are_passed_over(line: str, home: Path) -> None:
    home.mkdir()
    (home / "fits.jsonl").write_text(line + "\n")
    assert list(kept()) == []


def run_with(home: Path, name: str, text: str) -> RunFolder:
    """A run that has ended, one file of which is this."""
    folder = RunFolder(home / "runs" / "2026-01-01-0000-x")
    folder.path.mkdir(parents=True)
    folder.session.write_text("")
    folder.events.write_text(events.to_line(events.PhaseChanged(phase="training", time=1.0)))
    folder.lock.write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    with (folder.path / name).open("a" if name == "events.jsonl" else "w") as stream:
        stream.write(text)
    return folder


HUGE = str(10**400)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("queued.json", f'{{"place": {HUGE}, "since": 1.0, "held": false, "shares": false}}'),
        ("queued.json", f'{{"place": 1.0, "since": {HUGE}, "held": false, "shares": false}}'),
        ("engine.lock", '{"pid": -Infinity, "started": 1.0, "host": "here"}'),
        ("engine.lock", f'{{"pid": -5, "started": 1.0, "host": "{socket.gethostname()}"}}'),
        ("events.jsonl", f'{{"kind":"step","step":{HUGE},"epoch":0,"loss":1,"learning_rate":0,"seconds":1}}\n'),
        ("events.jsonl", f'{{"kind":"eval","step":{2**63},"loss":1,"perplexity":1,"best":true}}\n'),
    ],
)
def test_a_number_that_no_run_can_have_hides_no_run(name: str, text: str, home: Path) -> None:
    """One such number in one file emptied the list of all runs."""
    folder = run_with(home, name, text)
    assert [row.name for row in Listing().rows()] == [folder.name]
    assert read_state(folder).last_step is None and not read_state(folder).evaluations
