"""A chat without a window: one prompt, or a conversation line by line."""

from __future__ import annotations

import sys

from tui.console import say, to_json
from tui.run import commands, events
from tui.run.folder import RunFolder, find_run
from tui.run.process import send
from tui.run.talk import ask, engine_for, request
from tui.session import file
from tui.session.sections.chat import ChatSection


def converse(name: str, prompt: str | None, *, base: bool, as_json: bool) -> int:
    """Ask one prompt, or every line of stdin as a conversation. Returns the exit code."""
    run = find_run(name)
    settings = file.load(run.session).chat if run else ChatSection()
    folder, model = engine_for(run)
    voice: events.Voice = "base" if base or not run else "tuned"
    history: list[commands.Message] = []
    code = 0
    for line in [prompt] if prompt is not None else iter(_read_line, None):
        asked = [*history, commands.Message("user", line or "")]
        chat = request(asked, voice, settings, model or ("" if run else name))
        reply, code = _stream(folder, chat, as_json)
        if not code:
            history = [*asked, commands.Message("assistant", reply)]
    if folder != run:
        send(folder, commands.Release())
    return code


def _read_line() -> str | None:
    try:
        return input("> " if sys.stdin.isatty() else "")
    except EOFError:
        return None


def _stream(folder: RunFolder, chat: commands.Chat, as_json: bool) -> tuple[str, int]:
    """Print an answer as it comes. Returns it whole, and the exit code."""
    pieces = []
    try:
        for event in ask(folder, chat):
            match event:
                case events.Replied(error=error) if error:
                    say(error)
                    return "", 1
                case events.Replied():
                    pieces.append(event.text)
                    if not as_json:
                        print(_printable(event.text), end="", flush=True)
                    elif event.done:
                        told = {"text": "".join(pieces), "tokens": event.tokens, "tokens_per_s": event.tokens_per_s}
                        print(to_json({"prompt": chat.speakers[0].messages[-1].content, "voice": event.voice, **told}))
                case events.PhaseChanged(text=text) if text:
                    say(text)
                case events.Failed(text=text) | events.EngineSeen(reason=text):
                    say(text)
                    return "", 1
    except KeyboardInterrupt:
        send(folder, commands.Cancel(id=chat.id))
        say("\nstopped")
    if not as_json:
        print(flush=True)
    return "".join(pieces), 0


def _printable(text: str) -> str:
    """What a model says, unable to steer the terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
