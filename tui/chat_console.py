"""A chat without a window: one prompt, several, or a conversation line by line."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.console import say, to_json
from tui.resources import expanded
from tui.run import commands, events
from tui.run.folder import RunFolder, find_run
from tui.run.process import send
from tui.run.talk import ask, engine_for, open_workbench, opening, request
from tui.session.sections.chat import ChatSection

FIGURES = ("tokens", "tokens_per_s", "first_token_s", "prompt_tokens", "kept_tokens", "context_tokens", "ending", "error")
"""What ``--json`` tells of an answer beside its text."""
KEPT = "\n\t\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
"""What Persian, Hindi and joined pictures are written with steers nothing either."""


@dataclass(frozen=True)
class Wanted:
    """What the command line says of a chat."""

    name: str
    """A run, a model folder, or a model on the hub."""
    voices: tuple[events.Voice, ...]
    settings: ChatSection
    checkpoint: int | None = None
    other: str = ""
    """The adapter of the voice `other`."""
    load_in_4bit: bool | None = None
    device: str = "auto"
    as_json: bool = False

    @property
    def compares(self) -> bool:
        """Whether it is to be heard with its adapter and without."""
        return {"base", "tuned"} <= set(self.voices)


class NothingToTalkTo(Exception):
    """There is no such thing, or nothing to compare it with; the text says so in one sentence."""


def converse(wanted: Wanted, prompt: str | None, *, apart: bool = False) -> int:
    """Ask one prompt, or what stdin has: all of it at once, each line by itself (`apart`), or from a terminal in turns.

    Returns the exit code. Raises NothingToTalkTo.
    """
    run = find_run(wanted.name)
    place = _place(run, wanted)
    if wanted.compares and place.is_dir() and not (place / "adapter_config.json").is_file():
        raise _nothing_to_compare(wanted)
    texts = _prompts(prompt, apart)
    folder, model = _engine(run, wanted)
    talk = _Talk(folder, wanted, model, of_a_run=_is_of_a_run(place))
    code = 0
    try:
        for text in texts:
            if apart or not sys.stdin.isatty():
                talk.histories.clear()
            code = max(code, talk.say(text))
    finally:
        if folder != run:
            send(folder, commands.Release())
    return code


def _place(run: RunFolder | None, wanted: Wanted) -> Path:
    """Where the files of what is talked to would lie: a model on the hub has none there."""
    if run is None:
        return expanded(wanted.name).absolute()
    return run.adapter if wanted.checkpoint is None else run.checkpoints / f"checkpoint-{wanted.checkpoint}"


def _nothing_to_compare(wanted: Wanted) -> NothingToTalkTo:
    return NothingToTalkTo(f"{wanted.name} has no adapter to compare with; leave out --compare")


def _is_of_a_run(place: Path) -> bool:
    """Whether a run made what lies there: its result, a checkpoint or an export."""
    return any(RunFolder(folder).session.is_file() for folder in (place, *place.parents[:2]))


def _engine(run: RunFolder | None, wanted: Wanted) -> tuple[RunFolder, str]:
    """Who is asked, and which model to name there."""
    if wanted.checkpoint is not None:
        if run is None:
            raise NothingToTalkTo(f"{wanted.name} is no run, so that it has no checkpoints")
        place = run.checkpoints / f"checkpoint-{wanted.checkpoint}"
        if not place.is_dir():
            there = ", ".join(map(str, sorted(run.checkpoint_paths())))
            raise NothingToTalkTo(f"{run.name} has no checkpoint {wanted.checkpoint}; it has {there or 'none'}")
        return open_workbench(wanted.device), str(place)
    if run is not None and wanted.load_in_4bit is None and wanted.device == "auto":
        return engine_for(run)
    return open_workbench(wanted.device), _whole_name(wanted.name)


def _whole_name(name: str) -> str:
    """A run or a folder by its whole path, as the engine works somewhere else; any other name as it is."""
    run = find_run(name)
    path = run.path if run else expanded(name)
    return str(path.absolute()) if path.is_dir() else name


def _prompts(prompt: str | None, apart: bool) -> Iterable[str]:
    if prompt is not None:
        return [prompt]
    if sys.stdin.isatty():
        return iter(_read_line, None)
    if apart:
        return (line.strip() for line in sys.stdin if line.strip())
    if text := sys.stdin.read().strip():
        return [text]
    raise NothingToTalkTo("there is nothing to say: stdin is empty, and no --prompt was given")


def _read_line() -> str | None:
    try:
        return input("> ")
    except EOFError:
        return None


class _Talk:
    """A conversation with one engine; each voice goes on from what it said itself."""

    def __init__(self, folder: RunFolder, wanted: Wanted, model: str, *, of_a_run: bool) -> None:
        self.folder, self.wanted, self.model = folder, wanted, model
        self.of_a_run = of_a_run
        self.is_plain = False
        """Whether it turned out to be a model that nobody has tuned."""
        self.histories: dict[events.Voice, tuple[commands.Message, ...]] = {}

    def say(self, text: str) -> int:
        """Say something and print the answers. Returns the exit code."""
        asked = {voice: (*self.histories.get(voice, ()), commands.Message("user", text)) for voice in self.wanted.voices}
        answers, code = self._answers(self._request(asked), text)
        for voice, told in answers.items():
            self.histories[voice] = (*asked[voice], commands.Message("assistant", told))
        return code

    def _request(self, asked: dict[events.Voice, tuple[commands.Message, ...]]) -> commands.Chat:
        first = request((), "tuned", self.wanted.settings, self.model)
        other = _whole_name(self.wanted.other)
        speakers = tuple(
            commands.Speaker(voice, (*opening(self.wanted.settings), *messages), other if voice == "other" else "")
            for voice, messages in asked.items()
        )
        return replace(first, speakers=speakers, load_in_4bit=self.wanted.load_in_4bit)

    def _answers(self, chat: commands.Chat, prompt: str) -> tuple[dict[events.Voice, str], int]:
        """Print answers as they come. Returns them whole, and the exit code."""
        pieces: dict[events.Voice, list[str]] = {}
        code = 0
        told = ask(self.folder, chat)
        try:
            for event in told:
                match event:
                    case events.Replied():
                        code = max(code, self._print(event, pieces, prompt))
                    case events.PhaseChanged(text=text) if text:
                        say(text)
                    case events.ModelReady(has_base=False) if self.wanted.compares:
                        send(self.folder, commands.Cancel(id=chat.id))
                        raise _nothing_to_compare(self.wanted)
                    case events.ModelReady():
                        self.is_plain = not event.has_base and not self.of_a_run
                    case events.Failed(text=text) | events.EngineSeen(reason=text, alive=False):
                        say(text)
                        return {}, 1
        except KeyboardInterrupt:
            send(self.folder, commands.Cancel(id=chat.id))
            say("\nstopped")
        return {voice: "".join(texts) for voice, texts in pieces.items()}, code

    def _print(self, event: events.Replied, pieces: dict[events.Voice, list[str]], prompt: str) -> int:
        """Print what one piece of an answer adds; 1 when there is no answer."""
        begun = event.voice in pieces
        if event.error:
            say(f"{event.voice}: {event.error}" if len(self.wanted.voices) > 1 else event.error)
            if self.wanted.as_json:
                print(to_json(self._row(event, prompt, "".join(pieces.get(event.voice, ())))), flush=True)
            return 1
        pieces.setdefault(event.voice, []).append(event.text)
        if self.wanted.as_json:
            if event.done:
                print(to_json(self._row(event, prompt, "".join(pieces[event.voice]))), flush=True)
            return 0
        if not begun and len(self.wanted.voices) > 1:
            print(f"{event.voice}:")
        print(printable(event.text), end="\n" if event.done else "", flush=True)
        if event.done and event.ending in ("length", "full"):
            say("cut off: " + ("the longest answer is reached" if event.ending == "length" else "the context is full"))
        return 0

    def _row(self, event: events.Replied, prompt: str, text: str) -> dict[str, Any]:
        """One answer for ``--json``; a model that nobody has tuned answers as what it is, a base model."""
        figures = {name: getattr(event, name) for name in FIGURES}
        rounded = {name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()}
        voice = "base" if self.is_plain and event.voice == "tuned" else event.voice
        return {"prompt": prompt, "voice": voice, "text": text, **rounded}


def printable(text: str) -> str:
    """What a model says, unable to steer the terminal; Python takes spaces of other scripts for unprintable."""
    kept = (char.isprintable() or char in KEPT or unicodedata.category(char) == "Zs" for char in text)
    return "".join(char if keep else "\N{REPLACEMENT CHARACTER}" for char, keep in zip(text, kept, strict=True))


def voices_of(*, base: bool, compare: bool, other: str) -> tuple[events.Voice, ...]:
    """Who answers: the model as it was asked for, its base model, both, or the model beside another adapter."""
    if other:
        return ("tuned", "other")
    if compare:
        return ("base", "tuned")
    return ("base",) if base else ("tuned",)
