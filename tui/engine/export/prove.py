"""``python -m tui.engine.export.prove JOB PLACE``: load an export again, and hear whether it says the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from tui.engine.emit import emitter
from tui.engine.export import greedy
from tui.engine.export.answers import Reference, compared
from tui.engine.export.children import answering
from tui.engine.export.gguf_file import check_gguf
from tui.engine.export.llama import ask_llama
from tui.run import events
from tui.run.export_ahead import look_ahead
from tui.run.export_commands import Export
from tui.run.export_events import ExportMoved
from tui.run.export_jobs import asked_in
from tui.run.exports import Proof
from tui.run.folder import RunFolder
from tui.run.watcher import read_events
from tui.session import file

MOST_PROMPTS = 4
USUAL_PROMPTS = ("What is the capital of France?", "Write one sentence about the sea.", "Count from one to ten.")
"""What is asked where the run has no prompts of its own."""
ALMOST_EXACT = ("f32", "bf16", "f16")
"""Quantisations of which the same tokens are expected."""

Tell = Callable[[str], None]


def prove(job: RunFolder, place: Path) -> list[dict[str, Any]]:
    """What was found of the export in that folder. Raises what loading it raises."""
    asked = asked_in(job)
    assert asked is not None
    emit = emitter(job)

    def tell(text: str) -> None:
        emit(ExportMoved(stage="proving", text=text))

    ahead = look_ahead(asked)
    run = RunFolder(Path(asked.run))
    model = file.load_as_written(run.session).model
    adapter = ahead.source if ahead.base else None
    mine = place if asked.to != "gguf" else ahead.source
    told = reference(run, ahead.base or str(ahead.source), adapter, mine, tell, trusted=model.trust_remote_code)
    if asked.to == "gguf":
        found = [of_gguf(path, told, asked, tell) for path in sorted(place.glob("*.gguf"))]
    else:
        found = [of_folder(place, ahead.base if asked.to == "adapter" else "", told, asked, tell, model.trust_remote_code)]
    return [asdict(proof) for proof in found]


def reference(run: RunFolder, model: str, adapter: Path | None, tokens: Path, tell: Tell, *, trusted: bool) -> Reference:
    """The answers of the run itself to its prompts; `tokens` is the folder of the tokenizer."""
    loaded = greedy.load(model, adapter, trusted=trusted)
    tokenizer = greedy.tokenizer_in(tokens, trusted=trusted)
    prompts = prompts_of(run)
    ids = [greedy.encode(tokenizer, prompt) for prompt in prompts]
    answers = []
    for at, it in enumerate(ids, 1):
        tell(f"the run answers prompt {at} of {len(ids)}")
        answers.append(greedy.answer(loaded, tokenizer, it))
    greedy.free(loaded)
    return Reference(tokenizer, prompts, ids, answers)


def prompts_of(run: RunFolder) -> list[str]:
    """What is asked: the run's sample prompts, else held-out prompts that were compared, else some usual ones."""
    own = file.load_as_written(run.session).evaluation.sample_prompts
    if own:
        return list(own[:MOST_PROMPTS])
    held_out = (event.prompt for event in read_events(run) if isinstance(event, events.Compared))
    return list(islice(held_out, MOST_PROMPTS)) or list(USUAL_PROMPTS)


def of_folder(place: Path, base: str, told: Reference, asked: Export, tell: Tell, trusted: bool) -> Proof:
    """An adapter or a merged model, loaded as any program loads it; `base` is what an adapter belongs to."""
    tell("loading the export in a fresh process")
    loaded = greedy.load(base or str(place), place if base else None, trusted=trusted)
    answers = []
    for at, (prompt, ids, expected) in enumerate(zip(told.prompts, told.ids, told.answers, strict=True), 1):
        tell(f"the export answers prompt {at} of {len(told.ids)}")
        answers.append(compared(told.tokenizer, prompt, expected, greedy.answer(loaded, told.tokenizer, ids)))
    checks = ["loads with transformers"] + (["has its chat template"] if told.tokenizer.chat_template else [])
    how = "transformers and peft" if base else "transformers"
    return Proof("", how, tuple(answers), tuple(checks), exact=asked.to != "merged-4bit")


def of_gguf(path: Path, told: Reference, asked: Export, tell: Tell) -> Proof:
    """One GGUF file: what its header says, and what llama.cpp says with it where that is here."""
    tell(f"reading {path.name}")
    checks, problems = check_gguf(path, told.tokenizer)
    answers, how, remarks, failures = ask_llama(path, told, tell)
    exact = any(f".{name}." in path.name.lower() for name in ALMOST_EXACT) and bool(answers)
    return Proof(path.name, how, tuple(answers), (*checks, *remarks), (*problems, *failures), exact=exact)


if __name__ == "__main__":
    answering("tui.engine.export.prove", prove)
