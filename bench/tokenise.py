"""``python bench/tokenise.py [ROWS] [PROCESSES]``: our whole way from a file to tokens against the bare `datasets.map`.

Ours reads the file, finds the conversations, renders, tokenises, finds the answers and writes tokens and labels. The bare
one starts from rows that are read already, renders, tokenises and writes tokens. Each in turn, the best of three; the bar
is 0.9.
"""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

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

from datasets import Dataset, disable_progress_bars
from transformers import AutoTokenizer

from tui.engine.dataset import tokenise
from tui.session import file

ROOT = Path(__file__).parent.parent
BAR = 0.9
ROUNDS = 3


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    processes = int(sys.argv[2]) if len(sys.argv) > 2 else len(os.sched_getaffinity(0))
    home = Path(tempfile.mkdtemp())
    os.environ["UNSLOTH_TUI_HOME"] = str(home)
    subprocess.run(
        [sys.executable, str(ROOT / "tests" / "tiny_model.py"), str(home / "tiny")], check=True, capture_output=True
    )
    source = home / "rows.jsonl"
    conversations = _conversations(rows)
    source.write_text("".join(json.dumps({"messages": turns}) + "\n" for turns in conversations))
    tokenizer = AutoTokenizer.from_pretrained(home / "tiny")
    session = file.from_table(
        {
            "model": {"name": str(home / "tiny")},
            "data": {"source": str(source)},
            "training": {"dataset_num_proc": processes},
        }
    )
    disable_progress_bars()
    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(_timed(lambda: tokenise(session, tokenizer)))
        shutil.rmtree(home / "cache")
        bare.append(_timed(lambda: _bare(conversations, tokenizer, processes, home)))
    ratio = min(bare) / min(ours)
    print(
        f"{rows} rows, {processes} processes: ours {min(ours):.2f} s, bare {min(bare):.2f} s, ratio {ratio:.2f} (bar {BAR})"
    )
    shutil.rmtree(home)
    sys.exit(0 if ratio >= BAR else 1)


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
