"""Seconds from the start of the process to the first painted frame: our window against Textual's hello world.

    uv run python bench/window_start.py [--rounds 5]

Both run in a real pseudo-terminal of 80×24, in turn. Prints one JSON object with the medians and ours / hello (the bars:
2.5, and 0.6 s).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HELLO = """
from textual.app import App
from textual.widgets import Label
class Hello(App):
    def compose(self):
        yield Label("hello world")
Hello().run()
"""


def first_frame(words: list[str], text: bytes) -> float:
    """Seconds until the terminal was sent `text`."""
    ours, theirs = os.openpty()
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"UNSLOTH_TUI_HOME": home, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        start = time.monotonic()
        process = subprocess.Popen(
            words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, env=environment
        )
        os.close(theirs)
        shown = b""
        while text not in shown:
            shown += os.read(ours, 65536)
        taken = time.monotonic() - start
        process.kill()
        process.wait()
        os.close(ours)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    hello, ours = [], []
    for _ in range(rounds):
        hello.append(first_frame([sys.executable, "-c", HELLO], b"hello world"))
        ours.append(first_frame([sys.executable, "-m", "tui"], b"Choose a model here"))
    told = {"hello_s": statistics.median(hello), "ours_s": statistics.median(ours)}
    told["ours/hello"] = told["ours_s"] / told["hello_s"]
    print(json.dumps({key: round(value, 3) for key, value in told.items()}))


if __name__ == "__main__":
    main()
