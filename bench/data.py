"""``python bench/data.py [--gigabytes 1] [--rows 50000] [--processes N] [--json FILE]``: looked into, and tokenised.

First a large JSONL file: its first rows, and how many there are, each in a process of its own, from its start to its end.
Then the whole way from a file to tokens against the bare `datasets.map`: ours reads the file, finds the conversations,
renders, tokenises, finds the answers and writes tokens and labels; the bare one starts from rows that are read already,
renders, tokenises and writes tokens. Each in turn, the best of three.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from report import Row, report

from tui.session import file

ROOT = Path(__file__).parent.parent
ROUNDS = 3
LARGE_ROW_BYTES = 1000
LOOK = """
import resource, sys
from tui.data import opening
from tui.session.sections.data import DataSection
told = getattr(opening, sys.argv[1])(DataSection(source=sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNSLOTH_TUI_HOME"] = scratch
        rows = [*_looks(Path(scratch), given.gigabytes), _way_to_tokens(Path(scratch), given.rows, given.processes)]
    report(rows, given.json)


def _looks(scratch: Path, gigabytes: float) -> list[Row]:
    large = scratch / "large.jsonl"
    _write_large(large, int(gigabytes * 1e9))
    size = f"{gigabytes:g} GB of JSONL"
    first, counted = (_look(what, large) for what in ("first_records", "count_rows"))
    large.unlink()
    return [
        Row(f"first rows of {size}", first[0], bar=2),
        Row("its memory", first[1], "MB", bar=300),
        Row(f"every row of {size} counted", counted[0]),
        Row("its memory", counted[1], "MB", bar=300),
    ]


def _write_large(path: Path, size: int) -> None:
    """Conversations of about `size` bytes in all."""
    answer = "It depends on what you want to know. " * (LARGE_ROW_BYTES // 37 + 1)
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": answer[: LARGE_ROW_BYTES - 100]}]
    block = (json.dumps({"messages": turns}) + "\n") * 1000
    with path.open("w") as stream:
        for _ in range(size // len(block) + 1):
            stream.write(block)


def _look(what: str, path: Path) -> tuple[float, float]:
    """Seconds and MB that a function of `opening` takes in a process of its own."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", LOOK, what, str(path)], capture_output=True, text=True, check=True)
    return time.monotonic() - start, int(done.stdout) / 1000


def _way_to_tokens(home: Path, rows: int, processes: int) -> Row:
    import unsloth  # noqa: F401  # isort: skip  (before transformers; and after the looks, whose memory would count it)
    from datasets import disable_progress_bars
    from transformers import AutoTokenizer

    from tui.engine.dataset import tokenise

    disable_progress_bars()
    model, source = home / "tiny", home / "rows.jsonl"
    subprocess.run([sys.executable, str(ROOT / "tests" / "tiny_model.py"), str(model)], check=True, capture_output=True)
    conversations = _conversations(rows)
    source.write_text("".join(json.dumps({"messages": turns}) + "\n" for turns in conversations))
    tokenizer = AutoTokenizer.from_pretrained(model)
    told: dict[str, dict[str, Any]] = {"model": {"name": str(model)}, "data": {"source": str(source)}}
    session = file.from_table(told | {"training": {"dataset_num_proc": processes}})
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_timed(lambda: tokenise(session, tokenizer)))
        shutil.rmtree(home / "cache")
        bare.append(_timed(lambda: _bare(conversations, tokenizer, processes, home)))
    return Row(f"{rows:,} rows to tokens, {processes} processes", min(ours), bare=min(bare), bar=0.9)


def _conversations(count: int) -> list[list[dict[str, str]]]:
    """Short ones, all of them different."""
    lines = (ROOT / "sample_data" / "shell" / "train.jsonl").read_text().splitlines()
    known = [json.loads(line)["messages"] for line in lines]
    chance = random.Random(0)
    made = []
    for number in range(count):
        question, answer = chance.choice(known), chance.choice(known)
        made.append(
            [
                {"role": "user", "content": f"{question[0]['content']} ({number})"},
                {"role": "assistant", "content": answer[-1]["content"]},
            ]
        )
    return made


def _bare(conversations: list[Any], tokenizer: Any, processes: int, home: Path) -> float:
    """Seconds of the map alone."""
    from datasets import Dataset

    rows = Dataset.from_dict({"messages": conversations})

    def tokens(batch: dict[str, Any]) -> Any:
        texts = [tokenizer.apply_chat_template(turns, tokenize=False) for turns in batch["messages"]]
        return tokenizer(texts, add_special_tokens=False)

    started = time.perf_counter()
    written = home / "bare.arrow"
    made = rows.map(
        tokens, batched=True, remove_columns=["messages"], num_proc=processes if processes > 1 else None,
        cache_file_name=str(written), load_from_cache_file=False,
    )  # fmt: skip
    assert len(made) == len(conversations)
    return time.perf_counter() - started


def _timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    done = work()
    return done if isinstance(done, float) else time.perf_counter() - started


if __name__ == "__main__":
    main()
