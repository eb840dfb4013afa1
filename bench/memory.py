"""``python bench/memory.py SIZE=MODEL_FOLDER ... [--only NAME]``: what training really takes of the GPU, setting by setting.

Each setting trains for a few updates in a process of its own, on rows that are all of one length, through the engine's own
functions. Prints a JSON line each: what was reserved with the model loaded and at most, what was allocated at most.
Four settings run at once: memory is counted by process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tui.session import file
from tui.session.schema import Session

STEPS = 5
AT_ONCE = 4

BITS4: dict[str, Any] = {"model.load_in_4bit": True}
BITS16: dict[str, Any] = {"model.load_in_4bit": False, "model.load_in_16bit": True}
FULL: dict[str, Any] = {"model.load_in_4bit": False, "model.full_finetuning": True, "training.learning_rate": 2e-5}
EVALUATED: dict[str, Any] = {
    "evaluation.fraction": 0.1, "evaluation.eval_steps": 2, "evaluation.per_device_eval_batch_size": 8,
}  # fmt: skip


def setting(length: int, batch: int, checkpointing: str, *, limit: int = 0, **more: Any) -> dict[str, Any]:
    """Changes of a session; `length` is that of the rows, `limit` what they may have."""
    return {
        "length": length,
        "model.max_seq_length": limit or length,
        "training.per_device_train_batch_size": batch,
        "training.gradient_accumulation_steps": 1,
        "lora.use_gradient_checkpointing": checkpointing,
    } | {key.replace("__", "."): value for key, value in more.items()}


SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "1b": {
        "4-bit, 2×2048, unsloth": BITS4 | setting(2048, 2, "unsloth"),
        "4-bit, 8×512, unsloth": BITS4 | setting(512, 8, "unsloth"),
        "4-bit, 2×2048, none": BITS4 | setting(2048, 2, "false"),
        "16-bit, 2×2048, unsloth": BITS16 | setting(2048, 2, "unsloth"),
        "16-bit, 4×1024, true": BITS16 | setting(1024, 4, "true"),
        "16-bit, 2×2048, none": BITS16 | setting(2048, 2, "false"),
        "16-bit, 8×2048, none": BITS16 | setting(2048, 8, "false"),
        "16-bit, packed 2×2048, none": BITS16 | setting(256, 2, "false", limit=2048, training__packing=True),
        "16-bit, rank 128, 2×1024, unsloth": BITS16 | setting(1024, 2, "unsloth", lora__r=128),
        "16-bit, embeddings, 2×1024, unsloth": BITS16
        | setting(1024, 2, "unsloth", lora__modules_to_save=("embed_tokens", "lm_head")),
        "16-bit, torch AdamW, 1×512, unsloth": BITS16 | setting(512, 1, "unsloth", training__optim="adamw_torch"),
        "full, 2×1024, unsloth": FULL | setting(1024, 2, "unsloth"),
        "full, torch AdamW, 1×1024, unsloth": FULL | setting(1024, 1, "unsloth", training__optim="adamw_torch"),
        "full, 2×1024, none": FULL | setting(1024, 2, "false"),
        "16-bit, rank 128, torch AdamW, 1×512, unsloth": BITS16
        | setting(512, 1, "unsloth", training__optim="adamw_torch", lora__r=128),
        "16-bit, torch AdamW, 4×1024, unsloth": BITS16 | setting(1024, 4, "unsloth", training__optim="adamw_torch"),
        "16-bit, 1×4096, unsloth": BITS16 | setting(4096, 1, "unsloth"),
        "8-bit, 2×1024, unsloth": {"model.load_in_4bit": False, "model.load_in_8bit": True} | setting(1024, 2, "unsloth"),
        "4-bit, rank 64, 4×512, none": BITS4 | setting(512, 4, "false", lora__r=64),
        "16-bit, evaluated 8×2048, 1×2048, unsloth": BITS16 | setting(2048, 1, "unsloth") | EVALUATED,
        "full, 4×512, true": FULL | setting(512, 4, "true"),
    },
    "3b": {
        "4-bit, 2×2048, unsloth": BITS4 | setting(2048, 2, "unsloth"),
        "4-bit, 4×512, none": BITS4 | setting(512, 4, "false"),
        "16-bit, 2×1024, none": BITS16 | setting(1024, 2, "false"),
        "16-bit, packed 2×1024, unsloth": BITS16 | setting(256, 2, "unsloth", limit=1024, training__packing=True),
    },
    "8b": {
        "4-bit, 2×2048, unsloth": BITS4 | setting(2048, 2, "unsloth"),
        "4-bit, 2×512, unsloth": BITS4 | setting(512, 2, "unsloth"),
        "4-bit, 2×1024, none": BITS4 | setting(1024, 2, "false"),
        "16-bit, 4×1024, unsloth": BITS16 | setting(1024, 4, "unsloth"),
        "16-bit, 2×1024, none": BITS16 | setting(1024, 2, "false"),
        "16-bit, packed 4×2048, none": BITS16 | setting(256, 4, "false", limit=2048, training__packing=True),
    },
}


def session_with(model: str, changes: dict[str, Any], data: Path) -> Session:
    """The session of a setting."""
    plain = {"model": {"name": model}, "data": {"source": str(data)}, "training": {"max_steps": STEPS}}
    told = {key: value for key, value in changes.items() if "." in key}
    return file.replace_values(file.from_table(plain), told)


def write_rows(path: Path, tokenizer: Any, length: int) -> None:
    """Rows of plain text that are as long as asked for, in tokens."""
    words = " ".join(f"{number} is a number and" for number in range(length))
    ids = tokenizer(words, add_special_tokens=False)["input_ids"][: length - 1]
    text = tokenizer.decode(ids)
    path.write_text("".join(json.dumps({"text": text}) + "\n" for _ in range(512)))


def measure(model: str, size: str, name: str) -> None:
    """Train one setting in this process and print what it took."""
    import torch

    from tui.engine import loading, training
    from tui.engine.dataset import read_split
    from tui.run.folder import RunFolder

    changes = SETTINGS[size][name]
    scratch = Path(tempfile.mkdtemp())
    session = session_with(model, changes, scratch / "rows.jsonl")
    loaded = loading.load_model(session)
    loading.add_adapter(loaded, session)
    write_rows(scratch / "rows.jsonl", loaded.tokenizer, changes["length"])
    at_start = torch.cuda.memory_reserved()
    split = read_split(session, loaded.tokenizer)
    trainer = training.make_trainer(RunFolder(scratch), session, loaded, split.train, split.held_out)
    lengths = [len(row["input_ids"]) for row in trainer.train_dataset.select(range(4))]
    trainer.train()
    told = {
        "size": size,
        "name": name,
        "loaded": at_start,
        "reserved": torch.cuda.max_memory_reserved(),
        "allocated": torch.cuda.max_memory_allocated(),
        "lengths": lengths,
        "trained": sum(p.numel() for p in loaded.model.parameters() if p.requires_grad),
    }
    print("RESULT " + json.dumps(told), flush=True)


def main() -> None:
    if sys.argv[1] == "--here":
        measure(*sys.argv[2:])
        return
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    models = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)
    jobs = [(model, size, name) for size, model in models.items() for name in SETTINGS[size] if only in name]

    def run(job: tuple[str, str, str]) -> None:
        words = [sys.executable, __file__, "--here", *job]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        lines = [line[7:] for line in done.stdout.splitlines() if line.startswith("RESULT ")]
        print(lines[0] if lines else json.dumps({"name": job[2], "size": job[1], "why": done.stderr[-600:]}), flush=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(run, jobs))


if __name__ == "__main__":
    main()
