"""Seconds an update of a run of ours against the bare Unsloth script with the same settings, one after the other.

    uv run python bench/train_speed.py MODEL_FOLDER [--steps 30] [--four-bit] [--rounds 2]

Prints one JSON object a round: the median seconds of an update of both, after the first five, and bare / ours (at
least 0.99 is the bar).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

DATA = Path(__file__).parents[1] / "sample_data" / "shell" / "train.jsonl"
WARM_UP = 5

BARE = """
import json, sys, time
from unsloth import FastLanguageModel
from unsloth.chat_templates import train_on_responses_only
from datasets import load_dataset
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer
folder, steps, four_bit, data = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4]
model, tokenizer = FastLanguageModel.from_pretrained(model_name=folder, max_seq_length=512, load_in_4bit=four_bit)
model = FastLanguageModel.get_peft_model(model, r=16, lora_alpha=16, lora_dropout=0, bias="none", random_state=3407,
    use_gradient_checkpointing="unsloth",
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
rows = load_dataset("json", data_files=data, split="train")
rows = rows.map(lambda row: {"text": tokenizer.apply_chat_template(row["messages"], tokenize=False)})
trainer = SFTTrainer(model=model, processing_class=tokenizer, train_dataset=rows, args=SFTConfig(
    output_dir="out", dataset_text_field="text", max_length=512, per_device_train_batch_size=8,
    gradient_accumulation_steps=1, max_steps=steps, learning_rate=2e-4, warmup_steps=5, logging_steps=1,
    optim="adamw_8bit", weight_decay=0.001,
    lr_scheduler_type="linear", seed=3407, report_to="none", save_strategy="no"))
trainer = train_on_responses_only(trainer)
marks = []
class Clock(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in logs: marks.append(time.monotonic())
trainer.add_callback(Clock())
trainer.train()
print("SECONDS", json.dumps([later - earlier for earlier, later in zip(marks, marks[1:])]))
"""


def bare(model: str, steps: int, four_bit: bool, scratch: Path) -> float:
    words = [sys.executable, "-c", BARE, model, str(steps), "1" if four_bit else "0", str(DATA)]
    environment = os.environ | {"UNSLOTH_DISABLE_STATISTICS": "1"}
    done = subprocess.run(words, cwd=scratch, env=environment, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("SECONDS")]
    return statistics.median(json.loads(line.removeprefix("SECONDS"))[WARM_UP:])


def ours(model: str, steps: int, four_bit: bool, scratch: Path) -> float:
    session = scratch / "session.toml"
    session.write_text(
        f'[model]\nname = "{model}"\nmax_seq_length = 512\nload_in_4bit = {str(four_bit).lower()}\n'
        f'[data]\nsource = "{DATA}"\n[training]\nper_device_train_batch_size = 8\ngradient_accumulation_steps = 1\n'
        f"max_steps = {steps}\n"
    )
    environment = os.environ | {"UNSLOTH_TUI_HOME": str(scratch / "home")}
    words = [sys.executable, "-m", "tui", "run", "--json", str(session)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    return statistics.median([event["seconds"] for event in events if event["kind"] == "step"][WARM_UP:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--four-bit", action="store_true")
    given = parser.parse_args()
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as scratch:
            seconds = [run(given.model, given.steps, given.four_bit, Path(scratch)) for run in (bare, ours)]
        told = {"bare_s": seconds[0], "ours_s": seconds[1], "bare/ours": seconds[0] / seconds[1]}
        print(json.dumps({key: round(value, 4) for key, value in told.items()}), flush=True)


if __name__ == "__main__":
    main()
