"""What one does in Chat: each key asks an engine for the right thing, and whatever an engine says is shown and kept."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static, TextArea

from tests.screens.conftest import until
from tui.app import UnslothTui
from tui.run import commands, events
from tui.run.conversation import Answer, Conversation, Exchange
from tui.run.folder import RunFolder, create_workbench
from tui.run.lines import Tail
from tui.run.saved_talks import SavedTalk, keep, list_kept, load
from tui.screens.chat_text import figures_line
from tui.screens.dialogs.chat_partner import PartnerDialog
from tui.screens.dialogs.chat_raw import RawPromptDialog
from tui.screens.dialogs.chat_set import PromptSetScreen
from tui.session.schema import Session
from tui.widgets.choice import Choice
from tui.widgets.exchange_view import ExchangeView
from tui.widgets.prompt_area import PromptArea
from tui.widgets.token_view import TokenView
from tui.widgets.two_ends import TwoEnds

T = TypeVar("T")
HOSTILE = (
    "\x1b[2J\x1b]0;title\x07[/INST] [bold]x[/bold] <b>tag</b> \u202e\u05e9\u05dc\u05d5\u05dd "
    "\u65e5\u672c\u8a9e \U0001f469\u200d\U0001f52c\x00"
)
SAID: dict[events.Voice, str] = {"tuned": "$ ls", "base": "no"}
OF_THE_WINDOW = {f"f{number}" for number in (1, 2, 3, 4, 5, 6, 7, 12)} | {f"ctrl+{letter}" for letter in "tsopzyq"}


class Talk:
    """A window in its Chat place, and the engine that it believes to talk to."""

    def __init__(self, app: UnslothTui, pilot: Pilot[None], bench: RunFolder, devices: Sequence[str] = ()) -> None:
        self.app, self.pilot, self.bench, self.devices = app, pilot, bench, devices
        self.tail = Tail(bench.commands)

    def asked(self) -> list[commands.Command]:
        """What was asked of the engine since the last look."""
        found = [commands.from_line(line) for line in self.tail.read()]
        return [command for command in found if command]

    async def chat(self) -> commands.Chat:
        """The chat command that was asked since the last look."""
        return await self.command(commands.Chat)

    async def command(self, kind: type[T]) -> T:
        """The first command of a kind since the last look."""
        found: list[commands.Command] = []

        def came() -> bool:
            found.extend(self.asked())
            return any(isinstance(command, kind) for command in found)

        await until(self.pilot, came)
        return next(command for command in found if isinstance(command, kind))

    async def say(self, text: str) -> commands.Chat:
        self.app.screen.query_one(PromptArea).put(text)
        await self.pilot.press("enter")
        return await self.chat()

    async def hear(self, *events_: events.Event) -> None:
        for event in events_:
            self.app.client.talker.hear(event, self.bench)
        await until(self.pilot, lambda: self.app.chat is self.app.client.talker.state)
        await self.pilot.pause()

    async def reply(self, chat: commands.Chat, text: str = "fine", **more: Any) -> None:
        """Let every voice answer whole."""
        told = {"tokens": 3, "ending": "end"} | more
        await self.hear(*(events.Replied(id=chat.id, voice=it.voice, text=text, done=True, **told) for it in chat.speakers))

    async def sees(self, *texts: str) -> None:
        """The screen comes to show all of these."""
        await until(self.pilot, lambda: all(text in self.shown for text in texts), within_s=20)

    @property
    def shown(self) -> str:
        """Everything that the screen says, as text."""
        strips = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text for strip in strips)


@pytest.fixture
def bench(home: Path) -> RunFolder:
    return create_workbench()


@pytest.fixture
def ready_run(demo_run: RunFolder) -> RunFolder:
    """A finished run with its result and a checkpoint on disk."""
    for folder in (demo_run.adapter, demo_run.checkpoints / "checkpoint-20"):
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text("{}")
    os.utime(demo_run.lock, (1, 1))  # its engine has ended long ago
    return demo_run


@asynccontextmanager
async def talking(
    bench: RunFolder, *, run: RunFolder | None = None, desk: Session | None = None, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[Talk]:
    """A window that begins in its Chat place: no other place is laid out, which takes three times as long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UnslothTui, "DEFAULT_MODE", "chat")
        app = UnslothTui(desk)
    devices: list[str] = []
    app.client.talker._open_workbench = lambda device: devices.append(device) or bench  # type: ignore[func-returns-value]
    if run:
        app.client.watch(run)
    async with app.run_test(size=size) as pilot:
        if run:
            await until(pilot, lambda: app.run_state.ended)
        await pilot.pause()
        yield Talk(app, pilot, bench, devices)


def contents(speaker: commands.Speaker) -> list[str]:
    return [message.content for message in speaker.messages]


async def test_both_are_asked_with_their_own_history_and_the_same_chance(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run) as talk:
        await talk.pilot.press("h", "i", "ctrl+j", "t", "h", "e", "r", "e", "enter")
        chat = await talk.chat()
        assert [(it.voice, contents(it)) for it in chat.speakers] == [("tuned", ["hi\nthere"]), ("base", ["hi\nthere"])]
        assert chat.model == str(ready_run.path) and chat.sampling.seed is not None
        await talk.hear(
            events.Replied(id=chat.id, voice="tuned", text="$ wc -l notes", done=True),
            events.Replied(id=chat.id, voice="base", text="$ wc -c notes", done=True),
        )
        await talk.sees("2 of 10 words differ")
        second = await talk.say("more")
        assert contents(second.speakers[1]) == ["hi\nthere", "$ wc -c notes", "more"]
        await talk.reply(second)
        await talk.pilot.press("alt+w")
        assert [it.voice for it in (await talk.say("alone")).speakers] == ["tuned"]


async def test_an_answer_is_stopped_gone_on_with_asked_again_and_changed(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run) as talk:
        await talk.pilot.press("alt+w")
        first = await talk.say("count")
        await talk.hear(events.Replied(id=first.id, text="one two"))
        await talk.pilot.press("enter", "escape")
        assert (await talk.command(commands.Cancel)).id == first.id
        await talk.hear(events.Replied(id=first.id, done=True, ending="cancelled"))
        await talk.sees("stopped by you", "one two")
        await talk.pilot.press("ctrl+g")
        onward = await talk.chat()
        assert contents(onward.speakers[0]) == ["count", "one two"]
        await talk.reply(onward, " three")
        assert talk.app.chat.conversation.exchanges[0].answers[0].text == "one two three"
        await talk.pilot.press("ctrl+r")
        again = await talk.chat()
        assert contents(again.speakers[0]) == ["count"]
        await talk.reply(again, "1 2 3")
        await talk.reply(await talk.say("further"), "4 5")
        await talk.pilot.press("ctrl+up", "up", "e")
        assert talk.app.screen.query_one(PromptArea).text == "count"
        changed = await talk.say("count down")
        assert contents(changed.speakers[0]) == ["count down"]
        await talk.reply(changed, "3 2 1")
        assert len(talk.app.chat.conversation.exchanges) == 1
        await talk.pilot.press("ctrl+up", "u")
        await talk.pilot.pause()
        assert [it.prompt for it in talk.app.chat.conversation.exchanges] == ["count", "further"]


async def test_nothing_is_lost_of_what_is_typed_before_place_and_run_are_there(
    ready_run: RunFolder, bench: RunFolder
) -> None:
    app = UnslothTui()
    app.client.talker._open_workbench = lambda device: bench
    async with app.run_test() as pilot:
        await pilot.press("f7")
        await until(pilot, lambda: getattr(app.screen, "current", None))
        for key in ("enter", "f6", "p", "i", "left", "h", "ctrl+j", "enter"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        chat = await Talk(app, pilot, bench).chat()
        assert contents(chat.speakers[0]) == ["ph\ni"] and chat.model == str(ready_run.path)


async def test_what_was_said_comes_back_on_an_empty_line_alone(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run) as talk:
        prompt = talk.app.screen.query_one(PromptArea)
        for text in ("first", "second"):
            await talk.reply(await talk.say(text))
        await talk.pilot.press("up", "up")
        assert prompt.text == "first"
        await talk.pilot.press("down", "down")
        assert prompt.text == ""
        await talk.pilot.press("x", "up", "down")
        assert prompt.text == "x"


async def test_whatever_goes_wrong_is_said_with_a_way_on(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run) as talk:
        await talk.pilot.press("alt+w")
        refused = await talk.say("hi")
        assert refused.load_in_4bit is None
        await talk.reply(refused, "", error="it needs 16 GiB and 9 GiB are free", offers=("4-bit", "1", "cpu"))
        await talk.sees("it needs 16 GiB", "alt+x in 4-bit, alt+y on GPU 1, alt+z on the CPU")
        talk.app.post_message(Key("alt+z", "z"))  # as most terminals tell it
        slow = await talk.chat()
        assert (slow.load_in_4bit, contents(slow.speakers[0]), talk.devices[-1]) == (None, ["hi"], "cpu")
        assert talk.app.screen.query_one(PromptArea).text == ""
        await talk.reply(slow, "", error="still too big", offers=("4-bit",))
        await talk.pilot.press("ctrl+up", "1")
        small = await talk.chat()
        assert (small.load_in_4bit, talk.devices[-1]) == (True, "cpu")
        await talk.reply(small, "")
        await talk.sees("an empty answer")
        died = await talk.say("long one")
        await talk.hear(events.Replied(id=died.id, text="half of it"))
        await talk.hear(events.EngineSeen(alive=False, reason="killed by SIGKILL"))
        await talk.sees("half of it", "SIGKILL", "ctrl+r asks again")
        full = await talk.say("go on")
        await talk.reply(full, "no room", ending="full", prompt_tokens=2000, context_tokens=2048)
        await talk.sees("context 2,003/2,048, 98 %", "alt+o drops the oldest")
        await talk.pilot.press("alt+o")
        await talk.pilot.pause()
        await talk.sees("no longer told to the model")
        assert contents((await talk.say("now")).speakers[0]) == ["go on", "no room", "now"]


async def shows_in_pieces(talk: Talk, text: str, told: str) -> None:
    """An answer comes in two halves and is shown, and nothing of it reaches the terminal as a control character."""
    chat = await talk.say(HOSTILE)
    half = len(text) // 2
    await talk.hear(events.Replied(id=chat.id, text=text[:half]))
    await talk.reply(chat, text[half:])
    await until(talk.pilot, lambda: told in talk.shown, within_s=60)
    assert not {char for char in talk.shown if ord(char) < 32} - {"\n"}


async def test_no_answer_can_steer_the_terminal(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run, size=(80, 24)) as talk:
        await talk.pilot.press("alt+w")
        await shows_in_pieces(talk, HOSTILE, "␛[2J␛]0;title␇[/INST] [bold]x[/bold]")
        await shows_in_pieces(talk, "\x07" * 50, "␇␇␇")
        block, table = f"```{HOSTILE}\n{HOSTILE}\n```", f"| {HOSTILE} |\n| --- |\n| x |\n"
        await shows_in_pieces(talk, f"# {HOSTILE}\n\n- {HOSTILE}\n\n{block}\n\n{table}", "␛[2J")
        await shows_in_pieces(talk, "> " * 500 + "deep", "deep")


@pytest.mark.slow
async def test_no_answer_is_too_long_for_the_window(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run, size=(80, 24)) as talk:
        await talk.pilot.press("alt+w")
        await shows_in_pieces(talk, "".join(f"line {at}\n" for at in range(10_000)), "line 9999")
        await shows_in_pieces(talk, "\n\n".join(f"paragraph {at}" for at in range(1000)), "paragraph 999")
        await shows_in_pieces(talk, "x" * 200_000, "xxx")


async def test_answers_are_taken_away_and_kept_as_examples(
    ready_run: RunFolder, bench: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with talking(bench, run=ready_run) as talk:
        await talk.pilot.press("alt+w")
        text = "<think>hm, files</think>Use this:\n\n```sh\nls\n```\n\n```sh\nls -l\n```"
        await talk.reply(await talk.say("list"), text)
        assert "thought, 2 words" in talk.shown and "hm, files" not in talk.shown
        await talk.pilot.press("ctrl+up", "t")
        await talk.pilot.pause()
        await talk.sees("hm, files")
        await talk.pilot.press("c")
        assert talk.app.clipboard == text
        await talk.pilot.press("b", "b")
        assert talk.app.clipboard == "ls -l"
        await talk.pilot.press("s")
        await until(talk.pilot, lambda: talk.app.screen.query("#answered"))
        assert "hm, files" not in talk.app.screen.query_one("#answered", TextArea).text
        talk.app.screen.query_one("#answered", TextArea).text = "$ ls"
        talk.app.screen.query_one("#file", Input).value = "mine.jsonl"
        await talk.pilot.press("ctrl+s")
        await until(talk.pilot, lambda: (tmp_path / "mine.jsonl").exists())
    row = json.loads((tmp_path / "mine.jsonl").read_text())
    assert row == {"messages": [{"role": "user", "content": "list"}, {"role": "assistant", "content": "$ ls"}]}


async def test_another_model_and_a_second_checkpoint_are_chosen_by_letters(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run) as talk:
        await talk.reply(await talk.say("hi"))
        await talk.pilot.press("f8")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, PartnerDialog) and talk.app.screen.partners is not None)
        assert all(partner.title for partner in talk.app.screen.listed)  # the working directory is none of them
        await talk.pilot.press(*"20 updates", "alt+w")
        other = await talk.say("beside")
        assert [(it.voice, Path(it.adapter).name) for it in other.speakers] == [("tuned", ""), ("other", "checkpoint-20")]
        assert talk.app.chat.conversation.exchanges[-1].other.endswith("at 20 updates")  # whoever is heard beside later
        await talk.reply(other)
        await talk.pilot.press("f8", *"20 updates", "enter")
        await until(talk.pilot, lambda: talk.app.chat.partner is not None)
        chat = await talk.say("instead")
        assert chat.model == str(ready_run.checkpoints / "checkpoint-20")
        assert contents(chat.speakers[0])[0] == "hi"
        await talk.reply(chat)
        await talk.pilot.press("f8", *"owner/model", "enter")
        await until(talk.pilot, lambda: talk.app.chat.partner and talk.app.chat.partner.model == "owner/model")
        chat = await talk.say("and you")
        assert (chat.model, [it.voice for it in chat.speakers]) == ("owner/model", ["tuned"])
        await until(talk.pilot, lambda: "starting the engine" in str(talk.app.screen.query_one("#who", TwoEnds).left))
        await talk.reply(chat)
        await talk.pilot.press("f8", *"owner/model", "tab", "right", "enter")
        await until(talk.pilot, lambda: talk.app.chat.partner and talk.app.chat.partner.load_in_4bit)
        await talk.pilot.press("f8", *"owner/another", "enter")  # in 4-bit was for the one model alone
        await until(talk.pilot, lambda: talk.app.chat.partner and talk.app.chat.partner.model == "owner/another")
        assert talk.app.chat.partner and talk.app.chat.partner.load_in_4bit is None


async def test_presets_and_the_system_prompt_hold_from_the_next_answer_on(ready_run: RunFolder, bench: RunFolder) -> None:
    async with talking(bench, run=ready_run) as talk:
        await talk.pilot.press("f9")
        await until(talk.pilot, lambda: isinstance(talk.app.focused, Choice))
        await talk.pilot.press("right", "right")
        talk.app.screen.query_one("#system", TextArea).text = "Be brief."
        await talk.pilot.press("ctrl+s")
        chat = await talk.say("hi")
        assert (chat.sampling.temperature, chat.sampling.min_p) == (1.5, 0.1)
        assert contents(chat.speakers[0]) == ["Be brief.", "hi"]
        await talk.sees("creative")
        await talk.reply(chat)
        await talk.pilot.press("ctrl+up", "p")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, RawPromptDialog))
        wanted = await talk.command(commands.ShowPrompt)
        assert [it.content for it in wanted.messages] == ["Be brief.", "hi"]
        await talk.hear(events.PromptShown(id=wanted.id, text="<|im|>hi", tokens=2, pieces=("<|im|>", "hi"), marks=":."))
        assert "<|im|>hi" in talk.app.screen.query_one(TokenView).render().plain
        assert "2 tokens" in str(talk.app.screen.query_one("#told", Static).render())


async def test_a_set_of_prompts_is_a_table_with_measures_and_a_file(
    ready_run: RunFolder, bench: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with talking(bench, run=ready_run) as talk:
        await talk.pilot.press("ctrl+k")
        await talk.pilot.press("enter")
        await until(talk.pilot, lambda: isinstance(talk.app.screen, PromptSetScreen))
        wanted = await talk.command(commands.AnswerSet)
        assert (wanted.count, wanted.voices) == (20, ("tuned", "base"))
        await talk.pilot.press("up", "end", "k")  # nothing is there to move to
        await talk.sees("the first answers are being written")
        told = {"id": wanted.id, "of": 1, "prompt": HOSTILE, "reference": "$ ls", "tokens": 2, "seconds": 0.5}
        await talk.hear(
            events.Answered(voice="tuned", text="$ ls", **told), events.Answered(voice="base", text="no", **told)
        )
        await talk.hear(events.Answered(id=wanted.id, of=1, done=True))
        assert talk.app.screen.query_one(DataTable).row_count == 1
        await talk.sees("1 of 1 exact", "0 of 1 exact", "✓")
        await talk.pilot.press("w", "enter")
        await until(talk.pilot, lambda: (tmp_path / "answers.md").exists() and (tmp_path / "answers.jsonl").exists())
        await talk.pilot.press("escape")
        assert talk.app.current_mode == "chat" and not isinstance(talk.app.screen, PromptSetScreen)


async def test_earlier_conversations_are_gone_on_with_and_searched(desk: Session, bench: RunFolder) -> None:
    exchanges = tuple(Exchange(str(at), f"prompt {at}", (Answer("tuned", f"answer {at}", done=True),)) for at in range(60))
    keep(SavedTalk(Conversation(exchanges, name="long"), "Old words."))
    async with talking(bench, desk=desk) as talk:
        await talk.pilot.press("ctrl+l")
        await until(talk.pilot, lambda: getattr(talk.app.screen, "kept", None))
        await talk.pilot.press("enter")
        await until(talk.pilot, lambda: len(talk.app.chat.conversation.exchanges) == 60)
        await until(talk.pilot, lambda: "answer 59" in talk.shown)
        laid_out = len(talk.app.screen.query(ExchangeView))
        assert laid_out < 30
        await talk.pilot.press("ctrl+f", *"prompt 7", "enter")
        await until(talk.pilot, lambda: "answer 7" in talk.shown.split("answer 8")[0])
        assert talk.app.screen.query(".-found")
        await talk.pilot.press("escape")
        assert not talk.app.screen.query(".-found")
        chat = await talk.say("still there?")
        assert chat.load_in_4bit == desk.model.load_in_4bit  # not how models are loaded usually
        assert contents(chat.speakers[0])[0] == "Old words." and len(chat.speakers[0].messages) == 122
        await talk.pilot.press("ctrl+n")
        await talk.pilot.pause()
        assert not talk.app.chat.conversation.exchanges
        (kept,) = list_kept()
        left = load(kept.path)
        assert left and left.conversation.exchanges[-1].prompt == "still there?"  # which nobody has answered


async def test_no_key_of_the_prompt_takes_one_of_the_window() -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        await pilot.press("f6")
        bound = {key for binding in PromptArea.BINDINGS for key in binding.key.split(",")}  # type: ignore[union-attr]
        assert not OF_THE_WINDOW & bound
        assert not OF_THE_WINDOW & {key for binding in app.screen.BINDINGS for key in binding.key.split(",")}  # type: ignore[union-attr]
        await pilot.press("f7")
        assert app.current_mode == "runs"


@pytest.mark.parametrize(("seconds", "said"), [(0.314, "first 0.31 s"), (123.4, "first 2 min 03 s")])
def test_the_wait_for_the_first_token_is_told_as_people_say_it(seconds: float, said: str) -> None:
    assert figures_line(Exchange("1", "hi", (Answer("tuned", "$ ls", done=True, first_token_s=seconds),))) == said
