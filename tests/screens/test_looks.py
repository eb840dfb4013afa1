"""What the six places look like, in a small and in a comfortable terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.screens.conftest import settled, until
from tui.app import UnslothTui
from tui.run import conversation
from tui.run.conversation import Conversation
from tui.run.events import Replied
from tui.run.export_ahead import Ahead
from tui.run.exports import Asked, ExportedFile, Proof, Record, write_record
from tui.run.folder import RunFolder
from tui.screens.dialogs import export as dialogs
from tui.session.schema import Session

pytestmark = pytest.mark.slow
SIZES = {"80x24": (80, 24), "140x40": (140, 40)}
Compare = Callable[..., bool]
SORTED = """<think>It wants it sorted.</think>Use **sort** with `-n`:

- numbers come in <b>order</b>
  - and [/INST] stays text

```python
print(sorted(open("notes.txt")))
```

| flag | meaning |
| --- | --- |
| -n | numbers |
| -r | reversed |
"""


@pytest.fixture(params=SIZES)
def size(request: pytest.FixtureRequest) -> tuple[int, int]:
    return SIZES[request.param]


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textual.widgets._input.Input.cursor_blink", False)
    monkeypatch.setattr("tui.widgets.prompt_area.PromptArea.cursor_blink", False)


def test_model(snap_compare: Compare, desk: Session, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await settled(pilot)

    assert snap_compare(UnslothTui(desk), terminal_size=size, run_before=look)


def test_first_start(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await settled(pilot)

    assert snap_compare(UnslothTui(), terminal_size=size, run_before=look)


def test_data(snap_compare: Compare, desk: Session, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await pilot.press("f3")
        await settled(pilot)

    assert snap_compare(UnslothTui(desk), terminal_size=size, run_before=look)


def test_tune(snap_compare: Compare, desk: Session, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await settled(pilot)
        await pilot.press("f4", "down", "down", *"32")

    assert snap_compare(UnslothTui(desk), terminal_size=size, run_before=look)


def test_live(snap_compare: Compare, demo_run: RunFolder, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: len(pilot.app.run_state.compared) == 48 and pilot.app.run_state.ended)
        await settled(pilot)
        await pilot.pause()

    assert snap_compare(UnslothTui(run=demo_run), terminal_size=size, run_before=look)


def test_live_without_a_run(snap_compare: Compare) -> None:
    assert snap_compare(UnslothTui(), terminal_size=(80, 24), press=["f5"])


def test_chat(snap_compare: Compare, demo_run: RunFolder, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await pilot.press("f6")
        await until(pilot, lambda: pilot.app.run_state.ended)
        talk = conversation.asked(Conversation(), "1", "How do I [bold]count[/] lines\x1b[2J?", ("tuned", "base"), "x")
        figures = {"prompt_tokens": 40, "context_tokens": 2048, "first_token_s": 0.31}
        for reply in (
            Replied(id="1", voice="tuned", text="$ wc -l notes.txt"),
            Replied(id="1", voice="tuned", done=True, tokens=9, tokens_per_s=16.4, ending="end", **figures),
            Replied(id="1", voice="base", text="You can open the file and [/INST] count: wc -l notes.txt"),
            Replied(id="1", voice="base", done=True, tokens=12, tokens_per_s=16.1, ending="length", **figures),
        ):
            talk = conversation.fold_reply(talk, reply)
        talk = conversation.asked(talk, "2", "and sort it", ("tuned",), "x", "demo")
        talk = conversation.fold_reply(talk, Replied(id="2", text=SORTED, tokens=80, tokens_per_s=15.2))
        talker = pilot.app.client.talker
        talker.state = replace(talker.state, conversation=talk)
        await until(pilot, lambda: pilot.app.chat.conversation == talk)
        await until(pilot, lambda: pilot.app.screen.query("MarkdownText"))
        await settled(pilot)

    assert snap_compare(UnslothTui(run=demo_run), terminal_size=size, run_before=look)


def test_runs(snap_compare: Compare, demo_run: RunFolder, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[None]) -> None:
        await pilot.press("f7")
        await settled(pilot)

    assert snap_compare(UnslothTui(), terminal_size=size, run_before=look)


def test_export(snap_compare: Compare, demo_run: RunFolder, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = Ahead(
        source=Path("x"), place="gpu", disk_bytes=9 << 30, disk_free=99 << 30, memory_bytes=5 << 30, memory_free=7 << 30
    )
    monkeypatch.setattr(dialogs, "look_ahead", lambda asked: ahead)
    place = demo_run.exports / "merged-16bit"
    place.mkdir(parents=True)
    proof = Proof("", "transformers", (Asked("hello?", "yes", "yes", 48, 48),))
    files = (ExportedFile("model.safetensors", 1 << 30, "ab"),)
    write_record(place, Record("merged-16bit", "merged-16bit", "demo", 1.0, 2.0, "org/base", files=files, proofs=(proof,)))
    monkeypatch.setattr(dialogs.export_text, "use_lines", lambda exported: "vLLM: vllm serve exports/merged-16bit")

    async def look(pilot: Pilot[None]) -> None:
        await pilot.press("f7")
        await settled(pilot)
        await pilot.press("E")
        await pilot.pause()
        await pilot.press("down", "down", "down")
        await until(pilot, lambda: "4.9 bits" in str(pilot.app.screen.query_one("#quantisation").render()))
        await until(pilot, lambda: "Needs" in str(pilot.app.screen.query_one("#needs").render()))

    assert snap_compare(UnslothTui(), terminal_size=size, run_before=look)


def test_help(snap_compare: Compare) -> None:
    assert snap_compare(UnslothTui(), terminal_size=(80, 24), press=["f6", "f1"])


def test_that_the_pictures_do_not_depend_on_the_machine() -> None:
    """A picture must be the same on another machine, so nothing in it may come from this one."""
    pictures = list((Path(__file__).parent / "__snapshots__").rglob("*.*"))
    assert pictures
    for picture in pictures:
        told = picture.read_text(encoding="utf-8")
        assert "/tmp/" not in told and str(Path.home()) not in told
