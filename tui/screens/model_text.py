"""What the Model place says in words: a line of the list, and all that is known of one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import words
from tui.catalog.download_process import DownloadState
from tui.catalog.local import ModelCard
from tui.run.forecast import Forecast, Verdict

if TYPE_CHECKING:  # huggingface_hub, which the first picture need not wait for
    from tui.catalog.hub import HubDetails
    from tui.run.models import OfferedModel
    from tui.screens.model_looks import Described, Surroundings

FIRST_STEPS = """
Try it
  ctrl+p, "demo": a small model
  learns to answer in shell commands

Train your own
  1  letters find a model, Enter takes it
  2  F3      what it learns from
  3  ctrl+t  start; the run goes on
     when this window is closed

Look around
  ctrl+p, "tour"    F1 help    ctrl+q quit"""

SIGNS: dict[Verdict | None, str] = {"fits": "✓ fits", "tight": "~ tight", "too big": "✗ too big", None: ""}
BAR_WIDTH = 24
NAMED = 15
"""How wide the column of names is."""


def first_steps(around: Surroundings) -> str:
    """What is here, and three things to do."""
    gpu = around.gpu
    memory = f", {words.size(gpu.memory_total_bytes)}" if gpu and gpu.memory_total_bytes else ""
    box = f"{gpu.name}{memory}" if gpu else "No GPU here; small models can train"
    here = sum(model.place in ("here", "hub cache") for model in around.models)
    there = f"{here} model{'s' * (here != 1)} on this machine" if here else "no model on this machine yet"
    return f"{box}\n{there}\n{FIRST_STEPS}" if around.models else FIRST_STEPS.lstrip("\n")


def line(model: OfferedModel, verdict: Verdict | None, known: Described | None = None) -> str:
    """A model in two lines: its name; its size, whether it fits, where it is, and more of it once it was looked at."""
    size = f"{words.count(model.parameters)}" if model.parameters else ""
    place = {"here": "here", "hub cache": "here (hub cache)", "run": "result of a run", "Unsloth": "", "hub": "on the hub"}
    disk = words.size(model.size_bytes) if model.size_bytes else ""
    facts = [fact for fact in (size, SIGNS[verdict], disk, place[model.place], *_looked_up(model, known)) if fact]
    return f"{model.title}\n  {' · '.join(facts) or 'size not known'}"


def _looked_up(model: OfferedModel, known: Described | None) -> list[str]:
    """Context, size of the download, licence and gate; of a model that nobody looked at what the list tells."""
    if known is None:
        return [model.note]
    context, details = known.card.context_length, known.details
    told = [f"{words.count(context)} context" if context else ""]
    if details and not details.cached_because:
        fetch = words.size(known.card.size_bytes) if known.card.size_bytes and model.size_bytes is None else ""
        told += [f"{fetch} to fetch" if fetch else "", details.licence, "gated" if details.gated else ""]
    return told


def card_text(card: ModelCard, details: HubDetails | None, ahead: Forecast | None, rows_told: str, mend: str) -> str:
    """Everything known of a model, a line each; `rows_told` says what the forecast takes for granted.

    `mend` is the change that would make it fit.
    """
    if card.adapter_of:
        return (
            f"This is a LoRA adapter of {card.adapter_of}.\nChoose that base model, and this as lora.continue_from."
            f"\n\n{'parameters':{NAMED}}{words.count(card.parameters)}\n{'on disk':{NAMED}}{words.size(card.size_bytes)}"
        )
    template = "its own" if card.has_chat_template else "none: set data.chat_template, chatml suits a base model"
    rows: list[tuple[str, object]] = [
        ("architecture", card.architecture),
        ("parameters", words.count(card.parameters)),
        ("weights", words.size(card.size_bytes)),
        ("layers", card.layers),
        ("hidden size", _whole(card.hidden_size)),
        ("vocabulary", _whole(card.vocabulary)),
        ("context", _whole(card.context_length, " tokens")),
        ("tokenizer", card.tokenizer or None),
        ("chat template", template),
    ]
    told = [f"{name:{NAMED}}{'–' if value is None else value}" for name, value in rows]
    return "\n".join([*told, *_hub_lines(details), *_memory_lines(ahead, rows_told, mend)])


def _whole(number: int | None, unit: str = "") -> str | None:
    return None if number is None else f"{number:,}{unit}"


def _hub_lines(details: HubDetails | None) -> list[str]:
    if details is None:
        return []
    rows = [
        ("licence", details.licence or "not told"),
        ("access", "its licence must be accepted on the hub" if details.gated else "private" if details.private else "open"),
        ("last change", f"{details.last_modified:%d %b %Y}" if details.last_modified else "–"),
        ("files", len(details.files) if details.files else "–"),
    ]
    told = [f"{name:{NAMED}}{value}" for name, value in rows]
    warnings = [text for text in (details.refusal, details.cached_because) if text]
    return [*told, *warnings, *(["", details.readme] if details.readme else [])]


def _memory_lines(ahead: Forecast | None, rows_told: str, mend: str) -> list[str]:
    """Whether training it as the session says fits into the GPU."""
    if ahead is None:
        return []
    needed = f"{'trains in':{NAMED}}{words.size(ahead.total_bytes)}, {rows_told}"
    if ahead.verdict is None:
        return ["", needed, f"{'':{NAMED}}no GPU here"]
    verdict = f"{'':{NAMED}}{SIGNS[ahead.verdict]}: {words.size(ahead.free_bytes)} of the GPU are free"
    return ["", needed, verdict, *([f"{'':{NAMED}}it fits with: {mend} (F4, then F8)"] if mend else [])]


def download_text(state: DownloadState) -> str:
    """A download as a bar, with bytes, rate and time left; or how it ended."""
    if state.error:
        return f"✗ {state.error}"
    if state.phase == "cancelled":
        return "ended; F8 goes on from here"
    if state.path:
        return "✓ it is here now"
    if not state.bytes_total:
        return f"{state.phase} …"
    share = state.bytes_done / state.bytes_total
    bar = ("█" * round(share * BAR_WIDTH)).ljust(BAR_WIDTH, "·")
    rate = f", {words.size(int(state.rate_bytes_s))}/s" if state.rate_bytes_s else ""
    left = f", {words.seconds(state.seconds_left)} left" if state.seconds_left is not None else ""
    amounts = f"{words.size(state.bytes_done)} of {words.size(state.bytes_total)}"
    return f"{bar} {share:.0%}\n{amounts}{rate}{left} · file {state.files_done + 1} of {state.files} (F8 ends it)"
