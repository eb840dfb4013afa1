"""``python tests/engine/reach.py MODEL``: what the real libraries get from sessions with one value changed.

Prints one JSON object: for each field what was passed on, and what the object has that the library made of it.
"""

from __future__ import annotations

import unsloth  # noqa: F401  # isort: skip  (must come before transformers and trl)

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from trl import SFTConfig
from unsloth import FastLanguageModel, UnslothTrainingArguments

from tests.engine.proofs import ADAPTER, CONFIG, LOADING, SEEN_ONLY
from tui.engine import loading, training
from tui.engine.chatting import answer, answer_all
from tui.engine.dataset import read_split
from tui.engine.remembering import Memory
from tui.run.commands import Message
from tui.run.events import Replied
from tui.run.folder import RunFolder
from tui.run.talk import request
from tui.session import file
from tui.session.fields import fields_of
from tui.session.schema import Session
from tui.session.sections.chat import ChatSection

SAMPLES = Path(__file__).parents[2] / "sample_data"
PARAMETERS = {spec.key: spec.to.rpartition(".")[2] for spec in fields_of(Session)}
MODEL = ""


def session_with(key: str = "", value: Any = None, /, **tables: dict[str, Any]) -> Session:
    """A session for the tiny model with one value changed."""
    told: dict[str, dict[str, Any]] = {
        "model": {"name": MODEL, "load_in_4bit": False},
        "data": {"source": str(SAMPLES / "shell" / "heldout.jsonl")},
        "training": {
            "dataset_num_proc": 1,
            "max_steps": 1,
            "per_device_train_batch_size": 1,
            "gradient_accumulation_steps": 1,
        },
    }
    section, _, name = key.partition(".")
    changes = {section: {name: value}} if name else {}
    keys = {*told, *tables, *changes}
    return file.from_table({table: told.get(table, {}) | tables.get(table, {}) | changes.get(table, {}) for table in keys})


class Seen(FastLanguageModel):  # type: ignore[misc]
    """Unsloth's own class, which remembers what it was asked for."""

    given: dict[str, Any]
    through = True

    @staticmethod
    def from_pretrained(**given: Any) -> Any:
        Seen.given = given
        if not Seen.through:
            raise InterruptedError
        return FastLanguageModel.from_pretrained(**given)

    @staticmethod
    def get_peft_model(model: Any, **given: Any) -> Any:
        Seen.given = given
        return FastLanguageModel.get_peft_model(model, **given)


def configs(work: Path) -> dict[str, Any]:
    """What SFTConfig is given and has, for each of its fields."""
    found: dict[str, Any] = {}
    for key, (value, others) in CONFIG.items():
        given: dict[str, Any] = {}
        for kind in (SFTConfig, UnslothTrainingArguments):
            setattr(training, kind.__name__, _remembering(kind, given))
        made = training.make_config(RunFolder(work), session_with(key, value, **others))
        name = PARAMETERS[key]
        found[key] = {"kind": type(made).__name__, "given": given.get(name), "got": _plain(getattr(made, name))}
    training.SFTConfig, training.UnslothTrainingArguments = SFTConfig, UnslothTrainingArguments
    return found


def _remembering(kind: type[Any], given: dict[str, Any]) -> Any:
    def make(**chosen: Any) -> Any:
        given.update(chosen)
        return kind(**chosen)

    return make


def loadings() -> dict[str, Any]:
    """What from_pretrained is given, for each field of the model."""
    found: dict[str, Any] = {}
    for key, value in LOADING.items():
        Seen.through = key not in SEEN_ONLY
        session = session_with() if value is None else session_with(key, value, **_alone(key))
        try:
            loaded = loading.load_model(session)
        except InterruptedError:
            loaded = None
        found[key] = {"given": _plain(Seen.given.get(PARAMETERS[key])), "got": _looks(loaded) if loaded else None}
    Seen.through = True
    loading.load_model(session_with("lora.use_gradient_checkpointing", "false"))
    found["checkpointing"] = Seen.given["use_gradient_checkpointing"]
    found["left out"] = sorted({"attn_implementation", "rope_scaling", "revision", "adapter"} & Seen.given.keys())
    return found


def _alone(key: str) -> dict[str, dict[str, Any]]:
    """Without the precision that the tiny model is loaded with otherwise, where another is asked for."""
    return {"model": {"name": MODEL}} if key.startswith(("model.load_in", "model.full")) else {}


def _looks(loaded: loading.Loaded) -> dict[str, Any]:
    model = loaded.model
    return {
        "dtype": str(model.dtype),
        "attention": model.config._attn_implementation,
        "length": model.max_seq_length,
        "rope": model.config.rope_parameters,
        "quantised": any(type(module).__name__ == "Linear4bit" for module in model.modules()),
        "trained": all(weight.requires_grad for weight in model.parameters()),
    }


def adapters() -> dict[str, Any]:
    """What get_peft_model is given and LoraConfig has, for each field of the adapter."""
    found: dict[str, Any] = {}
    for key, value in [("", None), *ADAPTER.items(), ("lora.target_modules", ("all-linear",))]:
        session = session_with(key, value)
        loaded = loading.load_model(session)
        loading.add_adapter(loaded, session)
        name = PARAMETERS.get(key, "")
        config = loaded.model.peft_config["default"]
        start = torch.cat([weight.flatten() for at, weight in loaded.model.named_parameters() if "lora_A" in at])
        found[f"{key} all" if value == ("all-linear",) else key or "none"] = {
            "given": _plain(Seen.given.get(name)),
            "got": _plain(getattr(config, name, None)),
            "recomputes": bool(loaded.model.is_gradient_checkpointing),
            "start": float(start.detach().float().abs().sum()),
            "modules": sum("lora_A" in at for at, _ in loaded.model.named_parameters()),
        }
    return found


def losses(work: Path) -> dict[str, Any]:
    """The first loss of one update with the usual loss, with others, and with one of the user's own."""
    cases: dict[str, dict[str, Any]] = {
        "nll": {},
        "own": {"custom_loss": f"{SAMPLES / 'loss.py'}:focal"},
        "smoothed": {"label_smoothing_factor": 0.5},
        "dft": {"loss_type": "dft"},
    }
    return {name: _trained(work, training=table)["loss"] for name, table in cases.items()}


def _trained(work: Path, **tables: dict[str, Any]) -> dict[str, Any]:
    session = session_with("training.max_steps", 1, **tables)
    loaded = loading.load_model(session)
    loading.add_adapter(loaded, session)
    split = read_split(session, loaded.tokenizer)
    trainer = training.make_trainer(RunFolder(work), session, loaded, split.train, split.held_out)
    loss = trainer.train().training_loss
    callbacks = {type(callback).__name__: vars(callback) for callback in trainer.callback_handler.callbacks}
    groups = [(group["initial_lr"], len(group["params"])) for group in trainer.optimizer.param_groups]
    return {
        "loss": loss,
        "groups": groups,
        "early": callbacks.get("EarlyStoppingCallback"),
        "recomputes": bool(loaded.model.is_gradient_checkpointing),
    }


def answers() -> dict[str, Any]:
    """What generate is asked for when somebody chats with the settings of a session."""
    loaded = loading.load_model(session_with())
    given: dict[str, Any] = {}
    generate = loaded.model.generate

    def remember(**chosen: Any) -> Any:
        given.update(chosen)
        return generate(**chosen)

    loaded.model.generate = remember
    chat = ChatSection(temperature=1.25, top_p=0.75, top_k=9, min_p=0.05, repetition_penalty=1.1, max_new_tokens=3)
    answer(loaded, request([Message("user", "hi")], "tuned", chat), lambda event: None, lambda: False)
    scored = {key: value for it in given["logits_processor"] for key, value in vars(it).items() if hasattr(chat, key)}
    return scored | {name: given[name] for name in ("repetition_penalty", "max_new_tokens")}


def going_on() -> dict[str, Any]:
    """How a conversation goes on where the model does not take what was kept of it, and where memory runs out."""
    loaded = loading.load_model(session_with())
    generate = loaded.model.generate
    chat = ChatSection(temperature=0, max_new_tokens=4)
    talk = [Message("user", "how do I list files"), Message("assistant", "ls"), Message("user", "and hidden ones")]
    errors = {"takes none": ValueError("no cache"), "memory": torch.OutOfMemoryError("CUDA out of memory.")}
    found: dict[str, Any] = {}

    def say(messages: list[Message], memory: Memory, error: Exception | None = None) -> tuple[Replied, str]:
        def refuse(**chosen: Any) -> Any:
            if error and "past_key_values" in chosen:
                raise error
            return generate(**chosen)

        loaded.model.generate = refuse
        told: list[Any] = []
        answer(loaded, request(messages, "tuned", chat), told.append, lambda: False, memory)
        return told[-1], "".join(reply.text for reply in told)

    asked = [{"role": "user", "content": talk[0].content}]
    ids = loaded.tokenizer.apply_chat_template(asked, add_generation_prompt=True)["input_ids"]
    bare = generate(input_ids=torch.tensor([ids]), max_new_tokens=4, do_sample=False)[0, len(ids) :]
    found["bare"] = [loaded.tokenizer.decode(bare, skip_special_tokens=True), say(talk[:1], Memory())[1]]
    for name, error in errors.items():
        memory = Memory()
        say(talk[:1], memory)
        second, third = say(talk, memory, error)[0], say(talk, memory)[0]
        found[name] = [second.tokens, second.kept_tokens, third.tokens, third.kept_tokens > 0, memory.refused]
    return found


def without_turns() -> list[Any]:
    """What a model that knows no turns goes on with, and what it says once somebody has asked to stop."""
    loaded = loading.load_model(session_with())
    loaded.tokenizer.chat_template = None
    prompts = [[{"role": "user", "content": text}] for text in ("how do I", "list files")]
    answered = list(answer_all(loaded, prompts, "tuned", 3, lambda: False))
    stopped = list(answer_all(loaded, prompts, "tuned", 3, lambda: True))
    return [sorted(at for batch in answered for at in batch), stopped]


def base_voices() -> dict[str, bool]:
    """Whether the base model can still be heard, by how the adapter began."""
    found = {}
    for name, table in {"true": {}, "pissa": {"init_lora_weights": "pissa"}, "bias": {"bias": "all"}}.items():
        session = session_with(lora=table)
        loaded = loading.load_model(session)
        loading.add_adapter(loaded, session)
        found[name] = loaded.has_adapter
    return found


def texts(work: Path) -> dict[str, Any]:
    """The first text of a file that could be read in two ways, and of a model with another template."""
    both = work / "both.jsonl"
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "there"}]
    both.write_text(json.dumps({"messages": turns, "text": "a plain text"}) + "\n")
    found = {}
    for name, table in {"auto": {}, "text": {"format": "text"}, "alpaca": {"chat_template": "alpaca"}}.items():
        session = session_with(data={"source": str(both), **table})
        tokenizer = loading.load_tokenizer(session)
        found[name] = tokenizer.decode(read_split(session, tokenizer).train.rows["input_ids"][0])
    return found


def _plain(value: Any) -> Any:
    """What JSON can hold of a value: an enum's word, a number format's name, a set as a sorted list."""
    if isinstance(value, torch.dtype):
        return str(value)
    value = getattr(value, "value", value)
    if isinstance(value, set):
        return sorted(value)
    return value[0] if isinstance(value, list) and len(value) == 1 and value[0] == "tensorboard" else value


def main() -> None:
    global MODEL
    MODEL = sys.argv[1]
    loading.FastLanguageModel = Seen
    early = {"fraction": 0.1, "early_stopping_patience": 3, "early_stopping_threshold": 0.25}
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        found = {
            "config": configs(work),
            "loading": loadings(),
            "adapter": adapters(),
            "losses": losses(work),
            "early": _trained(work, evaluation=early)["early"],
            "kept": _trained(work, lora={"use_gradient_checkpointing": "false"})["recomputes"],
            "recomputed": _trained(work)["recomputes"],
            "groups": _trained(
                work,
                lora={"modules_to_save": ["embed_tokens"]},
                training={"embedding_learning_rate": 1e-5, "learning_rate": 1e-3},
            )["groups"],
            "answers": answers(),
            "texts": texts(work),
            "going on": going_on(),
            "without turns": without_turns(),
            "base voices": base_voices(),
        }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
