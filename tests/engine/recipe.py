"""``python tests/engine/recipe.py MODEL``: what reaches the trainer, made by the product and by Unsloth's plain recipe.

Prints one JSON object: for each case the tokens, the labels and the first batch of both.
"""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import csv
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel
from unsloth.chat_templates import train_on_responses_only

from tui.engine import loading, training
from tui.engine.dataset import read_texts
from tui.run.folder import RunFolder
from tui.session import file

SAMPLES = Path(__file__).parents[2] / "sample_data"
BATCH = 4


def product(model: str, source: Path, *, answers_only: bool, work: Path) -> dict[str, Any]:
    """The way of the engine."""
    session = file.from_table(
        {
            "model": {"name": model, "max_seq_length": 256, "load_in_4bit": False},
            "data": {"source": str(source), "train_on_responses_only": answers_only},
            "training": {"per_device_train_batch_size": BATCH, "dataset_num_proc": 1, "max_steps": 1},
        }
    )
    loaded = loading.load_model(session)
    loading.add_adapter(loaded, session)
    texts = read_texts(session.data.source, session.data.format, loaded.tokenizer)
    return _told(training.make_trainer(RunFolder(work), session, loaded, texts, None), texts.rows["text"])


def plain(model: str, texts_of: Any, *, answers_only: bool, work: Path) -> dict[str, Any]:
    """The way of Unsloth's notebooks."""
    model, tokenizer = FastLanguageModel.from_pretrained(model, max_seq_length=256, load_in_4bit=False)
    model = FastLanguageModel.get_peft_model(model, r=16, lora_alpha=16)
    texts = texts_of(tokenizer)
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_dict({"text": texts}),
        args=SFTConfig(
            output_dir=str(work),
            dataset_text_field="text",
            max_length=256,
            per_device_train_batch_size=BATCH,
            dataset_num_proc=1,
            max_steps=1,
            seed=3407,
            report_to="none",
        ),
    )
    if answers_only:
        trainer = train_on_responses_only(trainer)
    return _told(trainer, texts)


def _told(trainer: Any, texts: list[str]) -> dict[str, Any]:
    batch = next(iter(trainer.get_train_dataloader()))
    rows = trainer.train_dataset
    return {
        "texts": list(texts),
        "input_ids": [list(map(int, row)) for row in rows["input_ids"]],
        "labels": [list(map(int, row)) for row in rows["labels"]] if "labels" in rows.column_names else None,
        "batch": {name: batch[name].tolist() for name in ("input_ids", "labels")},
    }


def _templated(conversations: list[list[dict[str, str]]]) -> Any:
    return lambda tokenizer: [tokenizer.apply_chat_template(turns, tokenize=False) for turns in conversations]


def _pairs(pairs: list[tuple[str, str]]) -> Any:
    return _templated([[{"role": "user", "content": a}, {"role": "assistant", "content": b}] for a, b in pairs])


def main() -> None:
    model = sys.argv[1]
    shell = SAMPLES / "shell" / "heldout.jsonl"
    turns = [json.loads(line)["messages"] for line in shell.read_text().splitlines()]
    alpaca = json.loads((SAMPLES / "alpaca.json").read_text())
    asked = ["\n\n".join(part for part in (row["instruction"], row["input"]) if part) for row in alpaca]
    table = list(csv.reader((SAMPLES / "prompt_completion.csv").open(newline="")))[1:]
    paragraphs = [block.strip("\n") for block in (SAMPLES / "text.txt").read_text().split("\n\n") if block.strip()]
    cases = {
        "messages": (shell, _templated(turns), True, True),
        "messages, questions too": (shell, _templated(turns), False, False),
        "alpaca": (
            SAMPLES / "alpaca.json",
            _pairs([(a, row["output"]) for a, row in zip(asked, alpaca, strict=True)]),
            True,
            True,
        ),
        "prompt-completion": (SAMPLES / "prompt_completion.csv", _pairs([(row[0], row[1]) for row in table]), True, True),
        "text": (SAMPLES / "text.txt", lambda tokenizer: paragraphs, True, False),
    }
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (source, texts_of, answers_only, masked) in cases.items():
            found[name] = {
                "product": product(model, source, answers_only=answers_only, work=Path(scratch)),
                "plain": plain(model, texts_of, answers_only=masked, work=Path(scratch)),
            }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
