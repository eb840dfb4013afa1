"""The model card of an export, written from what its run says of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from huggingface_hub import try_to_load_from_cache

from tui import words
from tui.catalog.local import is_path
from tui.resources import expanded
from tui.run.changeable import as_changed
from tui.run.events import Resumed, StepDone
from tui.run.exports import Exported, Record, uses
from tui.run.folder import RunFolder
from tui.run.state import RunState, Series, exact_share, fold
from tui.run.watcher import read_state
from tui.session import file
from tui.session.diff import key_differences
from tui.session.schema import Session

CARD = "README.md"
CURVE_ROWS = 12
PRIVATE = ("run.", "chat.", "guards.", "data.source", "evaluation.source", "model.name", "lora.continue_from", "export.",
           "model.device", "training.report_to", "training.project", "training.custom_loss", "data.chat_template",
           "evaluation.sample_prompts", "training.dataset_num_proc")  # fmt: skip
"""Settings that say where something lies on this machine, or nothing about the training."""
LIBRARIES = {"adapter": "peft", "merged-16bit": "transformers", "merged-4bit": "transformers", "gguf": "gguf"}
MADE_WITH = "Made with [Unsloth](https://github.com/unslothai/unsloth) by unsloth-tui."


def write_card(place: Path, run: RunFolder, record: Record, base_on_hub: str = "") -> Record:
    """Write the card into the folder of an export; the record with the versions that the card tells.

    `base_on_hub` is what the base model is called there, if the run has it from a folder.
    """
    state = _state_at(record.step, read_state(run, whole=record.step is not None))
    session = as_changed(file.load_as_written(run.session), state.changes)
    versions = _versions(run)
    record = replace(record, versions=versions)
    base = record.base or session.model.name
    told, licence = replace(record, base=base_on_hub or base), licence_of(base)
    text = "\n".join([*_front(session, told, licence), *_body(session, state, told, licence), ""])
    (place / CARD).write_text(text, encoding="utf-8")
    return record


def _state_at(step: int | None, state: RunState) -> RunState:
    """What was known of a run when it wrote the checkpoint after an update; all of it where that is None."""
    if step is None:
        return state
    by_then = tuple(change for change in state.changes if change.step <= step)
    return fold(replace(state, changes=by_then), Resumed(step=step, path=""))


def licence_of(base: str) -> str:
    """The licence that the card of a model names, as the hub abbreviates it; empty where none is known here."""
    if not base:
        return ""
    here = expanded(base) / CARD if is_path(base) else try_to_load_from_cache(base, CARD)
    try:
        head = Path(here).read_text(encoding="utf-8", errors="replace")[:20_000] if isinstance(here, str | Path) else ""
    except OSError:
        return ""
    front = re.match(r"\A\ufeff?---\s*\n(.*?)\n---", head, re.DOTALL)
    found = re.search(r"^license:\s*[\"']?([\w.-]+)", front[1], re.MULTILINE) if front else None
    return found[1] if found else ""


def public_name(name: str) -> str:
    """A model or dataset without the folders of this machine."""
    return Path(name).name if is_path(name) or Path(name).is_absolute() else name


def _front(session: Session, record: Record, licence: str) -> Iterator[str]:
    """The head that the hub reads."""
    yield "---"
    if licence:
        yield f"license: {licence}"
    if not is_path(record.base):
        yield f"base_model: {record.base}"
        relation = {"adapter": "adapter", "gguf": "quantized"}.get(record.to, "finetune")
        yield f"base_model_relation: {relation}"
    yield f"library_name: {LIBRARIES[record.to]}"
    yield "pipeline_tag: text-generation"
    yield "tags:"
    yield from (f"- {tag}" for tag in ("unsloth", "trl", "sft", *(["lora"] if record.to == "adapter" else [])))
    if re.fullmatch(r"[\w.-]+/[\w.-]+", session.data.source) and not Path(session.data.source).exists():
        yield from ("datasets:", f"- {session.data.source}")
    yield "---"


def _body(session: Session, state: RunState, record: Record, licence: str) -> Iterator[str]:
    base = _text(public_name(record.base))
    what = {
        "adapter": f"A LoRA adapter for **{base}**",
        "merged-16bit": f"**{base}**, fine-tuned, with the adapter merged in 16 bits",
        "merged-4bit": f"**{base}**, fine-tuned, with the adapter merged in 4 bits",
        "gguf": f"**{base}**, fine-tuned, as GGUF ({', '.join(record.quantisations)})",
    }[record.to]
    yield from ("", f"# {_text(record.run)}", "", f"{what}. {MADE_WITH}", "")
    known = f"is `{licence}`" if licence else "is not known here"
    yield f"The licence of the base model {known}; it holds for this one too."
    if record.step is not None:
        yield f"\nThese are the weights of a checkpoint, after {record.step} updates."
    yield from ("", "## How it was trained", "")
    yield from _facts(session, state)
    yield from ("", "## What came of it", "", *_results(state), "", *_curve(state.steps))
    yield from ("", "## Settings that are not the defaults", "", *_settings(session))
    yield from ("", "## How to use it", "", *_use(record))
    yield from ("", "## Versions", "", ", ".join(f"{name} {number}" for name, number in record.versions.items()))


def _facts(session: Session, state: RunState) -> Iterator[str]:
    plan, last = state.plan, state.last_step
    yield f"- data: {_text(public_name(session.data.source))}" + (f", {plan.examples:,} examples" if plan else "")
    yield f"- loaded in {session.model.precision}" + (
        "" if session.model.full_finetuning else f", LoRA r={session.lora.r}, alpha={session.lora.lora_alpha:g}"
    )
    if plan:
        share = plan.trained_parameters / max(1, plan.all_parameters)
        yield f"- {words.count(plan.trained_parameters)} of {words.count(plan.all_parameters)} parameters ({share:.2%})"
        yield f"- on {plan.device}"
    if last:
        yield f"- {last.step} updates, {last.epoch:.2f} epochs, learning rate {session.training.learning_rate:g}"
        if last.tokens:
            yield f"- {last.tokens:,} tokens"


def _results(state: RunState) -> Iterator[str]:
    if state.last_step:
        yield f"- loss of the last update: {state.last_step.loss:.4f}"
    if state.evaluations:
        yield f"- loss on held-out examples: {state.evaluations[-1].loss:.4f}"
    if state.compared:
        base, tuned = (words.share(exact_share(state.compared, voice)) for voice in ("base", "tuned"))
        yield f"- {len(state.compared)} held-out prompts answered exactly: {tuned} (the base model: {base})"


def _curve(steps: Series[StepDone]) -> Iterator[str]:
    """The loss at some updates over the whole run."""
    if not steps:
        return
    yield from ("| update | loss |", "| ---: | ---: |")
    every = max(1, -(-len(steps) // CURVE_ROWS))
    shown = sorted({*range(0, len(steps), every), len(steps) - 1})
    yield from (f"| {steps[at].step} | {steps[at].loss:.4f} |" for at in shown)


def _settings(session: Session) -> Iterator[str]:
    found = [it for it in key_differences(Session(), session) if not it.key.startswith(PRIVATE)]
    yield from (f"- `{it.key}` = {_text(it.after)}" for it in found)
    if not found:
        yield "None."


def _use(record: Record) -> Iterator[str]:
    """The same lines as for the files here, with the name in place of the folder."""
    for program, line in uses(Exported(Path(record.run), replace(record, base=public_name(record.base)))).items():
        yield f"{program}:\n\n    {_text(line)}\n"
    if record.to == "gguf":
        yield "The Modelfile here has the template and the stop texts that it was trained with."


def _versions(run: RunFolder) -> dict[str, str]:
    try:
        told: dict[str, Any] = json.loads(run.provenance.read_text(encoding="utf-8"))
        return {"python": str(told["python"])} | {str(key): str(value) for key, value in told["packages"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _text(told: str) -> str:
    """Foreign text on one line, so that it stays what it is within the card."""
    return " ".join(str(told).split())
