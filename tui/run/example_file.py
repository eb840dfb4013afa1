"""An answer that is worth learning from, added to a dataset of conversations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tui.run.chat_commands import Message
from tui.run.lines import append_line, escaped

HEAD_BYTES = 1 << 20


def why_not(path: Path) -> str:
    """Why an example cannot be added to a file; empty where it can, or where there is no such file yet."""
    if path.suffix != ".jsonl":
        return "the name has to end in .jsonl"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    first = next((line for line in head.splitlines() if line.strip()), b"")
    try:
        row = json.loads(first) if first else {"messages": []}
    except (ValueError, RecursionError):
        return "its first line is not JSON: an example would not fit in"
    if not isinstance(row, dict) or not isinstance(row.get("messages"), list):
        columns = ", ".join(sorted(row)[:6]) if isinstance(row, dict) else "no columns"
        return f"its rows have no messages but {columns}: an example would not be read as they are"
    return ""


def add_example(path: Path, messages: Sequence[Message]) -> None:
    """Add one conversation as one line, whole or not at all. Raises OSError."""
    row = {"messages": [{"role": message.role, "content": message.content} for message in messages]}
    append_line(path, escaped(json.dumps(row, ensure_ascii=False)) + "\n")
