"""How long a key takes to be seen while a long answer comes in, after a long conversation.

    uv run python bench/chat_typing.py [--tokens 2000] [--rate 100] [--history 200] [--size 120x36] [--plain]

The window runs in a real pseudo-terminal and shows Chat; this program plays the engine and types. Prints one JSON object:
milliseconds from a key to the bytes that show it, before the answer (still) and during it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import threading
import time
from statistics import quantiles

from terminal import Terminal

from tui.run import commands, events
from tui.run.conversation import Answer, Conversation, Exchange
from tui.run.folder import RunFolder, create_run
from tui.run.lines import Tail, append_line
from tui.run.lock import acquire, beat
from tui.run.saved_talks import SavedTalk, keep
from tui.session.file import from_table

LETTERS = "бвгджзилмнпфцчшщъыьэюя"
"""Typed one by one: none of them is anywhere else on the screen."""
PART = """## Sorting, part {n}

Use `sort` with **care**: it reads everything before it writes, and what it does depends on the locale that is set.

- the first item of a list, which is short
- the second item, with a longer text that has to be wrapped somewhere in the middle of the line because of its length
- the third one

```python
def quicksort(xs):
    p, *rest = xs
    return quicksort([x for x in rest if x < p]) + [p] + quicksort([x for x in rest if x >= p])
```

"""


def say(folder: RunFolder, event: events.Event) -> None:
    append_line(folder.events, events.to_line(event))


def play(folder: RunFolder, text: str, rate: float, until: threading.Event, begun: threading.Event) -> None:
    """Beat, and answer the first prompt with a text, token by token."""
    pieces = re.findall(r"\s*\S{1,4}|\s+", text)
    tail = Tail(folder.commands)
    while not until.wait(0.1):
        beat(folder.lock)
        for line in tail.read():
            if isinstance(chat := commands.from_line(line), commands.Chat):
                begun.set()
                started, sent = time.monotonic(), 0
                while sent < len(pieces) and not until.wait(0.05):
                    due = min(len(pieces), int((time.monotonic() - started) * rate))
                    say(folder, events.Replied(id=chat.id, text="".join(pieces[sent:due]), tokens=due))
                    sent = due
                say(folder, events.Replied(id=chat.id, done=True, tokens=sent, tokens_per_s=rate, ending="end"))
                begun.clear()


class Typing(Terminal):
    """A window that is typed into."""

    def press(self, keys: bytes, until: bytes = b"", within_s: float = 30) -> float:
        """Press keys; seconds until a text is written after that."""
        mark, begun = len(self.shown), time.monotonic()
        os.write(self.ours, keys)
        while until and self.shown.find(until, mark) < 0:
            if time.monotonic() > begun + within_s:
                raise SystemExit(f"{until!r} was not shown within {within_s} s")
            time.sleep(0.0005)
        return time.monotonic() - begun

    def typed(self, while_true: threading.Event | None, keys: int = 60) -> list[float]:
        """Milliseconds of every key that was typed while an event is set, or of so many."""
        took: list[float] = []
        while while_true.is_set() if while_true else len(took) < keys:
            letter = LETTERS[len(took) % len(LETTERS)]
            if letter == LETTERS[0]:
                self.press(b"\x15")
                time.sleep(0.3)
            took.append(1000 * self.press(letter.encode(), letter.encode()))
            time.sleep(0.11)
        return took


def told(took: list[float]) -> dict[str, float]:
    cuts = quantiles(took, n=100)
    return {"keys": len(took), "median": round(cuts[49], 1), "p95": round(cuts[94], 1), "worst": round(max(took), 1)}


def measure(terminal: Typing, history: int, begun: threading.Event) -> tuple[list[float], list[float]]:
    """Open a long conversation, type, ask, and type on while the answer comes."""
    time.sleep(4)
    terminal.press(b"\x1b[17~", b"will answer")
    if history:
        terminal.press(b"\x0c", f"{history} exchanges".encode())
        terminal.press(b"\r", f"prompt {history - 1}".encode())
        time.sleep(2)
    still = terminal.typed(None)
    terminal.press(b"\x15go\r")
    begun.wait(10)
    return still, terminal.typed(begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=100)
    parser.add_argument("--history", type=int, default=200)
    parser.add_argument("--size", default="120x36")
    parser.add_argument("--plain", action="store_true", help="one paragraph instead of headings, lists and code")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        os.environ["UNSLOTH_TUI_HOME"] = home
        folder = create_run(from_table({"model": {"name": "played"}, "run": {"name": "played"}}))
        acquire(folder.lock)
        say(folder, events.Finished(outcome="completed", result=str(folder.adapter), loaded=True))
        answer = Answer("tuned", PART.format(n=0), done=True)
        keep(
            SavedTalk(
                Conversation(tuple(Exchange(str(at), f"prompt {at}", (answer,)) for at in range(given.history)), 0, "a")
            )
        )
        part = "word after word in one paragraph that never ends, " if given.plain else PART
        text = "".join(part.format(n=at) for at in range(given.tokens))
        text = "".join(re.findall(r"\s*\S{1,4}|\s+", text)[: given.tokens])
        until, begun = threading.Event(), threading.Event()
        threading.Thread(target=play, args=(folder, text, given.rate, until, begun), daemon=True).start()
        terminal = Typing(*map(int, given.size.split("x")))
        try:
            still, during = measure(terminal, given.history, begun)
        finally:
            until.set()
            terminal.end()
    print(json.dumps({"still_ms": told(still), "during_ms": told(during)}))


if __name__ == "__main__":
    main()
