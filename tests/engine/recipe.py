"""``python tests/engine/recipe.py MODEL``: what reaches the model, made by the product and by Unsloth's plain recipe.

The plain recipe is `tokenizer.apply_chat_template`, Unsloth's preparation in SFTTrainer and Unsloth's function
train_on_responses_only. On a CPU, Unsloth leaves TRL's own preparation in the trainer, which ends a conversation with one
more end token and lets a tokenizer put its begin token before the one of the template; so the preparation that the trainer
has on a GPU is put in here.

Prints one JSON object: for each chat template and case the rows and batches of both, and what is learned of the product's.
"""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset
from tokenizers.processors import TemplateProcessing
from trl import SFTConfig, SFTTrainer
from unsloth import FastLanguageModel
from unsloth.chat_templates import train_on_responses_only
from unsloth_zoo.dataset_utils import sft_prepare_dataset

from tests.engine.recipe_cases import CASES, JINJA, LIKE_LLAMA, MAX_LENGTH, TEMPLATES, Case
from tui.data.converting import converter
from tui.data.looking import reading_of
from tui.data.records import Record
from tui.engine import loading, training
from tui.engine.counting import TokenCount
from tui.engine.dataset import read_split
from tui.engine.tokenising import Tokens
from tui.run.folder import RunFolder
from tui.session import file
from tui.session.schema import Session

BATCH = 2


class PlainTrainer(SFTTrainer):  # type: ignore[misc]
    """The trainer with the preparation that Unsloth gives it on a GPU."""

    _prepare_dataset = sft_prepare_dataset


def like_llama(tokenizer: Any) -> Any:
    """The tokenizer with Llama 3's own tokens, which puts the begin token before every text as Llama's does."""
    words = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
    tokenizer.add_special_tokens({"additional_special_tokens": list(words)})
    tokenizer.bos_token, tokenizer.eos_token = words[0], words[-1]
    begin = (words[0], tokenizer.bos_token_id)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single=f"{words[0]} $A", special_tokens=[begin])
    return tokenizer


def session_of(model: str, template: str | None, case: Case, work: Path) -> Session:
    """A session that learns the rows of a case."""
    source = work / f"{case.name}.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in case.rows))
    return file.from_table(
        {
            "model": {"name": model, "max_seq_length": MAX_LENGTH, "load_in_4bit": False},
            "data": {"source": str(source), "chat_template": template} | case.data,
            "training": {"per_device_train_batch_size": BATCH, "dataset_num_proc": 1, "max_steps": 1},
        }
    )


def product(session: Session, loaded: loading.Loaded, work: Path) -> dict[str, Any]:
    """The way of the engine."""
    split = read_split(session, loaded.tokenizer)
    trainer = training.make_trainer(RunFolder(work), session, loaded, split.train, split.held_out)
    seen = [row for batch in trainer.get_train_dataloader() for row in batch["input_ids"].tolist()]
    tokenizer, rows = loaded.tokenizer, split.train.rows
    return _told(trainer) | {
        "counted": [_counted(trainer, masked) for masked in (True, False)],
        "pad": tokenizer.pad_token_id,
        "shuffled": sorted(_without(row, tokenizer.pad_token_id) for row in seen),
        "examples": rows["example"][:],
        "report": asdict(split.train.report),
        "spans": [_spans(tokenizer, labels) for labels in rows["labels"]],
        "end": tokenizer.eos_token,
    }


def plain(session: Session, loaded: loading.Loaded, case: Case, work: Path) -> dict[str, Any]:
    """The way of Unsloth's notebooks."""
    tokenizer = loaded.tokenizer
    if case.tokens:
        rows = Dataset.from_list([{"input_ids": row["input_ids"], "labels": row["labels"]} for row in case.rows])
    else:
        rows = Dataset.from_dict({"text": texts_of(tokenizer, case)})
    trainer = PlainTrainer(
        model=loaded.model,
        processing_class=tokenizer,
        train_dataset=rows,
        args=SFTConfig(
            output_dir=str(work), dataset_text_field="text", max_length=MAX_LENGTH, per_device_train_batch_size=BATCH,
            dataset_num_proc=1, max_steps=1, seed=3407, report_to="none",
        ),
    )  # fmt: skip
    if case.masked:
        trainer = train_on_responses_only(trainer, **case.markers)
    return _told(trainer)


def texts_of(tokenizer: Any, case: Case) -> list[str]:
    """What the rows of a case are written as."""
    return [
        tokenizer.apply_chat_template(turns, tools=tools, tokenize=False)
        if turns is not None
        else text + tokenizer.eos_token
        for turns, tools, text in case.meant
    ]


def _told(trainer: Any) -> dict[str, Any]:
    rows = trainer.train_dataset
    ids = [list(map(int, row)) for row in rows["input_ids"]]
    batches = [{name: batch[name].tolist() for name in ("input_ids", "labels")} for batch in trainer.get_train_dataloader()]
    labels = [list(map(int, row)) for row in rows["labels"]] if "labels" in rows.column_names else ids
    return {"input_ids": ids, "labels": labels, "batches": batches}


def _counted(trainer: Any, masked: bool) -> int:
    """The tokens of an epoch as a run counts them, in batches that tell which tokens are padding, or do not."""
    count = TokenCount(trainer)
    for batch in trainer.get_train_dataloader():
        trainer._track_num_input_tokens({name: rows for name, rows in batch.items() if masked or name != "attention_mask"})
    trainer.state.num_input_tokens_seen = 0
    count.on_step_end(trainer.args, trainer.state, trainer.control)
    assert count.own == trainer.state.num_input_tokens_seen
    return count.own


def _without(row: list[int], pad: int) -> list[int]:
    while row and row[-1] == pad:
        row = row[:-1]
    return row


def _spans(tokenizer: Any, labels: list[int]) -> list[str]:
    """What is learned, piece by piece."""
    spans: list[list[int]] = [[]]
    for label in labels:
        if label == -100:
            spans.append([])
        else:
            spans[-1].append(label)
    return [tokenizer.decode(span) for span in spans if span]


def previewed(session: Session, loaded: loading.Loaded, case: Case) -> bool:
    """Whether an example by itself becomes what it becomes among others."""
    tokens = Tokens(loaded.tokenizer, session.data, MAX_LENGTH)
    convert = converter(reading_of(session.data), session.data)
    examples = [convert(Record(at, "", row)) for at, row in enumerate(case.rows, 1)]
    return tokens.encode_all(examples) == [tokens.encode(example) for example in examples]


def templated(tokenizer: Any, case: Case) -> list[list[int]]:
    """The tokens of each conversation as the tokenizer itself makes them."""
    return [
        tokenizer.apply_chat_template(turns, tools=tools, tokenize=True, return_dict=True)["input_ids"][:MAX_LENGTH]
        for turns, tools, _ in case.meant
        if turns is not None
    ]


def main() -> None:
    model = sys.argv[1]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        (work / "own.jinja").write_text(JINJA)
        for template in TEMPLATES:
            told = str(work / template) if template.endswith(".jinja") else template
            loaded = None
            for case in CASES:
                if template not in case.templates:
                    continue
                session = session_of(model, None if told == "own" else told, case, work)
                if loaded is None:
                    loaded = loading.load_model(session)
                    loaded.model = FastLanguageModel.get_peft_model(loaded.model, r=4, lora_alpha=4)
                    if template in LIKE_LLAMA:
                        loaded.tokenizer = like_llama(loaded.tokenizer)
                found[f"{template}: {case.name}"] = {
                    "product": product(session, loaded, work),
                    "plain": plain(session, loaded, case, work),
                    "previewed": previewed(session, loaded, case),
                    "templated": templated(loaded.tokenizer, case),
                }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
