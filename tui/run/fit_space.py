"""Which settings are worth measuring for a session: other portions of the same update, other weights, packed rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from tui import words
from tui.run.events import Values
from tui.run.fit_events import Kind
from tui.session.fields import get_value
from tui.session.file import SessionError, replace_values
from tui.session.schema import Session
from tui.session.sections.model import PRECISIONS

CHECKPOINTING = ("false", "true", "unsloth")
"""From the fastest to the one that takes the least memory."""
SAID = {"false": "nothing recomputed", "true": "layers recomputed", "unsloth": "Unsloth's checkpointing"}
MOST_BATCHES = 4
PACKED = (1, 2, 4)
"""Packed updates of the size that comes closest to the session's, and of so many times that."""
LOADERS = 2
"""Processes that prepare batches, where any are tried: one batch takes them a few milliseconds."""
BATCH_TOKENS = 4000
"""What a batch costs besides its tokens, in tokens: of an 8b model on an H200 0.3 s for any batch, and 50 µs a token."""
HARDER = {"false": 1.0, "true": 1.2, "unsloth": 1.2}
UNPACKING = 1.3
"""A batch on 4-bit weights takes so many times as long, on 8-bit ones more: they are made numbers again each time."""


@dataclass(frozen=True)
class Candidate:
    """A setting that could be measured."""

    session: Session
    changes: Values
    kind: Kind
    examples: float
    """That an update sees, on average."""
    consequence: str = ""

    @property
    def name(self) -> str:
        """The setting in words."""
        training = self.session.training
        batch = f"{training.per_device_train_batch_size} × {training.gradient_accumulation_steps}"
        rows = f"packed {batch}" if training.packing else batch
        said = [self.session.model.precision, rows, SAID[self.session.lora.use_gradient_checkpointing]]
        said += ["padded"] if training.padding_free is False else []
        said += ["compiled"] if training.torch_compile else []
        said += [f"{training.dataloader_num_workers} loading processes"] if training.dataloader_num_workers else []
        return ", ".join(said)

    @property
    def loaded_as(self) -> str:
        """Candidates with the same word can use one model in memory."""
        return self.session.model.precision


def candidates(session: Session, mean_tokens: float, *, packs: bool) -> list[Candidate]:
    """The session itself, then everything worth measuring, the fastest ones that are likely first in each family.

    `mean_tokens` is the length of an example; `packs` says whether the device can train on packed rows.
    """
    own = Candidate(session, {}, "own", _examples(session, mean_tokens))
    found = {own.name: own}
    for precision in _precisions(session):
        kind: Kind = "same" if precision == _precision(session) else "precision"
        families = [session.training.packing] if session.training.packing or not packs else [False, True]
        for packed in families:
            for changes in _portions(session, precision, packed, mean_tokens):
                made = _candidate(
                    session, changes, "packing" if packed and not session.training.packing else kind, mean_tokens
                )
                if made:
                    found.setdefault(made.name, made)
    return list(found.values())


def predicted(candidate: Candidate, mean_tokens: float) -> float:
    """How long a token takes, in a unit of its own that only tells candidates of one session apart."""
    session, training = candidate.session, candidate.session.training
    tokens = candidate.examples * mean_tokens
    quantised = session.model.load_in_4bit or session.model.load_in_8bit
    batches = training.gradient_accumulation_steps * BATCH_TOKENS * (UNPACKING if quantised else 1.0)
    return HARDER[session.lora.use_gradient_checkpointing] * (batches + tokens) / max(1.0, tokens)


def variations(candidate: Candidate, *, compiles: bool) -> list[Candidate]:
    """The same with one more thing that learns the very same and may be faster; `compiles`: whether that is tried too."""
    tried: list[Values] = []
    training = candidate.session.training
    if not training.dataloader_num_workers:
        tried.append({"training.dataloader_num_workers": LOADERS})
    if compiles and not training.torch_compile:
        tried.append({"training.torch_compile": True})
    kind: Kind = "same" if candidate.kind == "own" else candidate.kind
    return [
        replace(
            candidate,
            session=replace_values(candidate.session, changes),
            changes=dict(candidate.changes) | changes,
            kind=kind,
        )
        for changes in tried
    ]


def families(found: list[Candidate]) -> list[list[Candidate]]:
    """Candidates that differ in the size of the batch alone, each family from the largest batch down."""

    order = sorted(found, key=lambda it: (family_of(it), -it.session.training.per_device_train_batch_size))
    return [list(members) for _, members in groupby(order, key=family_of)]


def family_of(candidate: Candidate) -> tuple[str, bool, int]:
    """What the members of a family have in common: the weights, whether rows are packed, and what is recomputed."""
    kept = CHECKPOINTING.index(candidate.session.lora.use_gradient_checkpointing)
    return candidate.loaded_as, candidate.session.training.packing, kept


def _precision(session: Session) -> str:
    return next(name for name in PRECISIONS if getattr(session.model, name))


def _precisions(session: Session) -> list[str]:
    """The session's own first; 4-bit and 16-bit are each other's alternative, and 8-bit has both."""
    own = _precision(session)
    if own == "full_finetuning" or session.lora.continue_from or session.lora.init_lora_weights not in ("true", "gaussian"):
        return [own]
    return [own, *(name for name in ("load_in_4bit", "load_in_16bit") if name != own)]


def _portions(session: Session, precision: str, packed: bool, mean_tokens: float) -> Iterator[Values]:
    weights: Values = {f"model.{name}": name == precision for name in PRECISIONS}
    whole = session.process_batch
    sizes = [(batch, whole // batch) for batch in range(whole, 0, -1) if whole % batch == 0][:MOST_BATCHES]
    if packed and not session.training.packing:
        nearest = max(1, round(whole * mean_tokens / session.model.max_seq_length))
        sizes = [(nearest * times, 1) for times in PACKED]
    padded = session.training.padding_free is False and not session.training.custom_loss
    padding: Values = {"training.padding_free": None} if padded else {}
    for kept in CHECKPOINTING:
        for batch, accumulation in sizes:
            yield {
                **weights,
                **padding,
                "training.packing": packed,
                "training.per_device_train_batch_size": batch,
                "training.gradient_accumulation_steps": accumulation,
                "lora.use_gradient_checkpointing": kept,
            }


def _candidate(session: Session, changes: Values, kind: Kind, mean_tokens: float) -> Candidate | None:
    """None for a setting that a session refuses."""
    try:
        changed = replace_values(session, changes)
        examples = _examples(changed, mean_tokens)
        if kind == "packing" and session.training.max_steps:
            steps = max(1, round(session.training.max_steps * session.process_batch / examples))
            changes = {**changes, "training.max_steps": steps}
            changed = replace_values(session, changes)
    except SessionError:
        return None
    told = {key: value for key, value in changes.items() if get_value(session, key) != value}
    return Candidate(changed, told, kind, examples, _consequence(session, changed, kind, examples))


def _consequence(session: Session, changed: Session, kind: Kind, examples: float) -> str:
    said = []
    if changed.model.precision != session.model.precision:
        exact = changed.model.precision == "16-bit"
        how = "as they came, which is more exact" if exact else "rounded to four bits, which is a little less exact"
        said.append(f"the frozen weights are {how}")
    if kind == "packing":
        said.append(f"short examples share rows of {session.model.max_seq_length:,} tokens")
        said.append(f"an update sees about {words.number(examples)} examples instead of {session.process_batch}")
        if session.training.max_steps:
            said.append(f"{changed.training.max_steps} updates instead of {session.training.max_steps} see as many in all")
        else:
            said.append("there are fewer updates in an epoch")
    return "; ".join(said)


def _examples(session: Session, mean_tokens: float) -> float:
    if not session.training.packing:
        return session.process_batch
    return session.process_batch * session.model.max_seq_length / max(1.0, mean_tokens)
