"""``python bench/options.py MODEL_FOLDER [GROUP]``: which values of the options train here, each for a few real updates.

Every variation loads the model anew through the engine's own functions and trains on the sample data. A line each:
whether it trained, the first and the last loss, seconds an update, and otherwise why not. Groups run in processes of
their own, because some options change Unsloth for the rest of a process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, get_args

from tui.session import file
from tui.session.schema import Session
from tui.session.sections.training import Optimiser
from tui.session.sections.updates import Scheduler

SAMPLES = Path(__file__).parents[1] / "sample_data"
STEPS = 4
EVALUATED = {"evaluation.source": str(SAMPLES / "shell" / "heldout.jsonl"), "evaluation.eval_steps": 2}
BITS = {"model.load_in_4bit": False}
PLATEAU = {"evaluation.eval_strategy": "steps", "training.save_strategy": "no", **EVALUATED}
SETTINGS: dict[str, dict[str, Any]] = {
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"num_decay_steps": 2},
}

Changes = dict[str, Any]
STARTS = ("gaussian", "pissa", "olora", "loftq", "false")
ADAPTERS: dict[str, Changes] = {
    "plain": {},
    **{f"start {name}": {"lora.init_lora_weights": name} for name in STARTS},
    "loftq settings": {"lora.init_lora_weights": "loftq", "lora.loftq_config": {"loftq_bits": 4, "loftq_iter": 2}},
    "dora": {"lora.use_dora": True},
    "rslora": {"lora.use_rslora": True},
    "bias all": {"lora.bias": "all"},
    "dropout": {"lora.lora_dropout": 0.1},
    "all-linear": {"lora.target_modules": ("all-linear",)},
    "two layers": {"lora.target_modules": ("q_proj", "v_proj")},
    "embeddings as targets": {"lora.target_modules": ("q_proj", "v_proj", "embed_tokens", "lm_head")},
    "embeddings saved": {"lora.modules_to_save": ("embed_tokens", "lm_head")},
    "norms saved": {"lora.modules_to_save": ("input_layernorm",)},
    "embedding rate": {"lora.modules_to_save": ("embed_tokens",), "training.embedding_learning_rate": 1e-5},
    "checkpointing true": {"lora.use_gradient_checkpointing": "true"},
    "checkpointing false": {"lora.use_gradient_checkpointing": "false"},
}  # fmt: skip
"""Where the adapter sits and how it starts."""
TRAINING: dict[str, Changes] = {
    "packing": {"training.packing": True},
    "packing, everything learned": {"training.packing": True, "data.train_on_responses_only": False},
    "padding-free on": {"training.padding_free": True},
    "padding-free off": {"training.padding_free": False},
    "by length": {"training.train_sampling_strategy": "group_by_length"},
    "in order": {"training.train_sampling_strategy": "sequential"},
    "neftune": {"training.neftune_noise_alpha": 5.0},
    "compile": {"training.torch_compile": True},
    "bf16": {"training.bf16": True},
    "fp16": {"training.fp16": True},
    "float16 model": {"model.dtype": "float16"},
    "float32 model": {"model.dtype": "float32"},
    "warm-up share": {"training.warmup_ratio": 0.5},
    "loading processes": {"training.dataloader_num_workers": 2},
    "rope linear": {"model.rope_scaling": {"rope_type": "linear", "factor": 2.0}},
    "sdpa": {"model.attn_implementation": "sdpa"},
    "eager": {"model.attn_implementation": "eager"},
    "best kept": PLATEAU | {"evaluation.load_best_model_at_end": True, "training.save_strategy": "steps"}
    | {"training.save_steps": 2},
}  # fmt: skip
"""How the rows are put together, in which numbers, by which attention."""
FOUR_BIT: dict[str, Changes] = {
    "4-bit": {"model.load_in_4bit": True, "model.load_in_16bit": False},
    "4-bit dora": {"model.load_in_4bit": True, "model.load_in_16bit": False, "lora.use_dora": True},
    "4-bit pissa": {"model.load_in_4bit": True, "model.load_in_16bit": False, "lora.init_lora_weights": "pissa"},
    "4-bit loftq": {"model.load_in_4bit": True, "model.load_in_16bit": False, "lora.init_lora_weights": "loftq"},
    "8-bit": {"model.load_in_8bit": True, "model.load_in_16bit": False},
}  # fmt: skip
"""With a model whose weights are made smaller."""


def variations() -> dict[str, dict[str, Changes]]:
    """Groups of named changes of one session."""
    schedules = {
        f"schedule {name}": {"training.lr_scheduler_type": name, "training.lr_scheduler_kwargs": SETTINGS.get(name)}
        | (PLATEAU if name in ("reduce_lr_on_plateau", "greedy") else {})
        for name in get_args(Scheduler)
    }
    return {
        "optimisers": {f"optim {name}": {"training.optim": name} for name in get_args(Optimiser)} | schedules,
        "adapters": ADAPTERS,
        "training": TRAINING,
        "4bit": FOUR_BIT,
        "full": {"full": {"model.full_finetuning": True, "model.load_in_16bit": False, "training.learning_rate": 2e-5}},
        "logits": {
            "label smoothing": {"training.label_smoothing_factor": 0.1},
            "dft": {"training.loss_type": "dft"},
        },
        "own loss": {"own loss": {"training.custom_loss": f"{SAMPLES / 'loss.py'}:focal"}},
    }  # fmt: skip


def session_with(model: str, changes: Changes) -> Session:
    """The session that is varied: 16-bit LoRA on short questions."""
    plain = {
        "model": {"name": model, "max_seq_length": 256, "load_in_16bit": True},
        "data": {"source": str(SAMPLES / "shell" / "train.jsonl")},
        "training": {"max_steps": STEPS, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1},
        "evaluation": {"compare_prompts": 0},
    }
    return file.replace_values(file.from_table(plain), changes)


def try_out(session: Session) -> dict[str, Any]:
    """Train a few updates, and say how that went."""
    from tui.engine.environment import set_environment
    from tui.run.folder import RunFolder

    folder = RunFolder(Path(tempfile.mkdtemp()))
    set_environment(folder, session)
    from tui.engine import loading, training
    from tui.engine.dataset import read_split

    loaded = loading.load_model(session)
    loading.add_adapter(loaded, session)
    split = read_split(session, loaded.tokenizer)
    trainer = training.make_trainer(folder, session, loaded, split.train, split.held_out)
    seconds = trainer.train().metrics["train_runtime"] / STEPS
    losses = [float(told["loss"]) for told in trainer.state.log_history if "loss" in told]
    assert len(losses) == STEPS and all(loss == loss for loss in losses), f"losses {losses}"
    return {"first": losses[0], "last": losses[-1], "seconds": seconds}


def run_group(model: str, group: str) -> None:
    """Every variation of a group in this process, a JSON line each."""
    for name, changes in variations()[group].items():
        try:
            told = {"ok": True} | try_out(session_with(model, changes))
        except Exception as error:
            told = {"ok": False, "why": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        print("RESULT " + json.dumps({"group": group, "name": name} | told), flush=True)


def main() -> None:
    model, *groups = sys.argv[1:]
    if groups and groups[0] == "--here":
        run_group(model, groups[1])
        return
    words = [sys.executable, __file__, model, "--here"]
    for group in groups or variations():
        process = subprocess.run([*words, group], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        results = [json.loads(line[7:]) for line in process.stdout.splitlines() if line.startswith("RESULT ")]
        for it in results:
            told = f"{it['first']:8.4f} {it['last']:8.4f} {it['seconds']:6.2f} s" if it["ok"] else it["why"]
            print(f"{'ok' if it['ok'] else 'NO':3} {it['name']:28} {told}", flush=True)
        if process.returncode:
            print(f"NO  {group} ended with {process.returncode}: {process.stderr[-400:]}", flush=True)


if __name__ == "__main__":
    main()
