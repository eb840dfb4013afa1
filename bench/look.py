"""Seconds and memory that it takes to look into a large JSONL file: its first rows, and how many there are.

    uv run python bench/look.py [--gigabytes 1.0] [--row-bytes 1000]

Makes the file in a temporary folder and looks at it in a fresh process each time. Prints one JSON object: seconds from the
start of the process to its end, and what it took of memory at most (the bars for the first rows: 2 s, 300 MB).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOOK = """
import resource, sys
from tui.data import opening
from tui.session.sections.data import DataSection
told = getattr(opening, sys.argv[1])(DataSection(source=sys.argv[2]))
print(len(told) if isinstance(told, list) else told,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def make(path: Path, size: int, row_bytes: int) -> None:
    """A file of conversations of about `size` bytes."""
    answer = "It depends on what you want to know. " * (row_bytes // 37 + 1)
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": answer[: row_bytes - 100]}]
    block = (json.dumps({"messages": turns}) + "\n") * 1000
    with path.open("w") as stream:
        for _ in range(size // len(block) + 1):
            stream.write(block)


def look(what: str, path: Path) -> dict[str, float]:
    """What a function of `opening` takes in a process of its own."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", LOOK, what, str(path)], capture_output=True, text=True, check=True)
    rows, kilobytes = map(int, done.stdout.split())
    return {"rows": rows, "s": round(time.monotonic() - start, 2), "peak_MB": round(kilobytes / 1000)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--row-bytes", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.jsonl"
        make(path, int(given.gigabytes * 1e9), given.row_bytes)
        print(json.dumps({what: look(what, path) for what in ("first_records", "count_rows")}))


if __name__ == "__main__":
    main()
