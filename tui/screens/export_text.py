"""What the export dialog says, as text."""

from __future__ import annotations

from tui import words
from tui.run.export_ahead import Ahead
from tui.run.export_commands import ExportKind
from tui.run.export_jobs import Job
from tui.run.exports import Exported, proof_words, uses
from tui.session.quantisations import offered, refusal

KINDS: dict[ExportKind, str] = {
    "adapter": "the LoRA alone: small; whoever uses it needs the base",
    "merged-16bit": "the whole model in 16 bits: transformers, vLLM",
    "merged-4bit": "the whole model in 4 bits: transformers, vLLM",
    "gguf": "one or several sizes: llama.cpp, Ollama, LM Studio",
}
BAR_WIDTH = 12


def kind_line(kind: ExportKind) -> str:
    """A kind with one line on it."""
    return f"{kind:13} {KINDS[kind]}"


def quantisation_lines(typed: str) -> str:
    """A line on each quantisation that is typed, or why one of them cannot be had."""
    named = [word.strip().lower() for word in typed.split(",")]
    told = "; ".join(f"{it.name}: {it.bits:g} bits, {it.text}" for it in offered() if it.name in named)
    return refusal(word for word in named if word) or told


def needs(ahead: Ahead) -> str:
    """What an export needs, and why it cannot be made."""
    lines = [f"Needs {ahead.told()}."]
    lines += [f"Cannot be made here: {text}." for text in ahead.problems]
    lines += [f"Cannot be compared with the run: {ahead.unprovable}."] if ahead.unprovable else []
    return "\n".join([*lines, *(f"Note: {note}." for note in ahead.notes)])


def bar(fraction: float | None) -> str:
    """A share as blocks, so that colour is not the only sign."""
    if fraction is None:
        return ""
    full = round(fraction * BAR_WIDTH)
    return "█" * full + "░" * (BAR_WIDTH - full)


def job_cells(job: Job) -> tuple[str, str, str]:
    """An export that is being made, or that could not be: its name, its size so far, how far it is."""
    state = job.state
    size = words.size(state.bytes_done) if state.bytes_done else ""
    if state.cancelled:
        return job.asked.name, "", "cancelled"
    if state.failure:
        return job.asked.name, "", f"failed: {state.failure}"
    share = f"{bar(state.fraction)} {words.share(state.fraction)} " if state.fraction is not None else ""
    return job.asked.name, size, f"{share}{state.text or state.stage}"


def export_cells(exported: Exported) -> tuple[str, str, str]:
    """An export that is there."""
    record = exported.record
    pushed = f"; on the hub as {record.pushed.repo}" if record.pushed else ""
    return record.name, words.size(record.bytes), f"{proof_words(record)}{pushed}"


def use_lines(exported: Exported) -> str:
    """How to use an export, a line a program."""
    return "\n".join(f"{program}: {line}" for program, line in uses(exported).items())
