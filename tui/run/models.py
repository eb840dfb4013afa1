"""Every model that can be had without searching: here, from runs, and Unsloth's own; with whether each would fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from tui.catalog.known import known_models
from tui.catalog.local import ModelError, is_packed, is_path, parameters_of, read_tensors, weights_in
from tui.catalog.search import HubRow
from tui.catalog.shape import ModelShape
from tui.catalog.unsloth_models import parameters_in_name, unsloth_models
from tui.machine.host import folder_bytes
from tui.resources import expanded
from tui.run.folder import list_runs
from tui.run.forecast import Ground, Verdict
from tui.session import file
from tui.session.recent import list_recent
from tui.session.schema import Session

RUNS_LISTED = 50
DEPTH = 3
Place = Literal["here", "hub cache", "run", "Unsloth", "hub"]


@dataclass(frozen=True)
class OfferedModel:
    """One line of the list."""

    name: str
    """What goes into ``model.name``, or for a run into ``lora.continue_from``."""
    title: str
    place: Place
    parameters: float | None = None
    size_bytes: int | None = None
    """On this disk; None where it would have to be fetched."""
    variants: tuple[str, ...] = ()
    base: str = ""
    """The model that a run's adapter belongs to."""
    note: str = ""


def offered_models() -> list[OfferedModel]:
    """The models of this machine first, then the results of runs, then what Unsloth knows. Reads folders."""
    here = [
        OfferedModel(
            known.name,
            known.title,
            "hub cache" if known.place == "hub cache" else "here",
            parameters_in_name(known.title) or known.size_bytes / 2,
            known.size_bytes,
        )
        for known in known_models()
    ]
    here += [_folder(path) for path in remembered_folders() if str(path) not in {model.name for model in here}]
    cached = {model.name.lower() for model in here}
    known = [
        OfferedModel(model.name, model.name, "Unsloth", model.parameters, None, model.variants)
        for model in unsloth_models()
        if model.name.lower() not in cached
    ]
    return [*here, *_runs(), *known]


def remembered_folders() -> list[Path]:
    """The model folders that recent sessions and runs name, and that are still there."""
    named = [recent.session.model.name for recent in list_recent()]
    for run in islice(list_runs(), RUNS_LISTED):
        try:
            named.append(file.load(run.session).model.name)
        except file.SessionError:
            continue
    folders = {expanded(name) for name in named if is_path(name)}
    return sorted(folder for folder in folders if (folder / "config.json").is_file())


def models_below(folder: Path) -> list[OfferedModel]:
    """The model folders in a folder, down to its third level. Raises OSError."""
    found = {path.parent for depth in range(1, DEPTH + 1) for path in folder.glob("*/" * depth + "config.json")}
    return [_folder(path) for path in sorted(found) if next(path.glob("*.safetensors"), None)]


def _folder(path: Path) -> OfferedModel:
    parts = weights_in(path)
    size = sum(part.stat().st_size for part in parts)
    try:
        tensors = [tensor for part in parts for tensor in read_tensors(part)]
    except ModelError:
        tensors = []
    held = 0 if is_packed(tensors) else parameters_of(tensors)
    return OfferedModel(str(path), path.name, "here", held or parameters_in_name(path.name) or size / 2, size)


def _runs() -> list[OfferedModel]:
    """The adapters of runs, and their checkpoints after each."""
    found = []
    for folder in islice(list_runs(), RUNS_LISTED):
        places = [folder.adapter, *folder.checkpoint_paths().values()]
        adapters = [path for path in places if (path / "adapter_config.json").is_file()]
        try:
            base = file.load(folder.session).model.name if adapters else ""
        except file.SessionError:
            continue
        for path in adapters:
            whole = path == folder.adapter
            title = folder.name if whole else f"{folder.name} {path.name}"
            named = str(folder.path if whole else path)
            found.append(OfferedModel(named, title, "run", size_bytes=folder_bytes(path), base=base))
    return found


def matching(models: Iterable[OfferedModel], text: str) -> list[OfferedModel]:
    """The models that have every word of a text in one of their names, those that begin with it first.

    A word matches when its letters stand there in order, so that ``qw3 4b`` finds ``Qwen3-4B``.
    """
    words = search_arguments(text.lower())["text"].split()
    scored = []
    for model in models:
        haystack = " ".join((model.title, *model.variants)).lower()
        scores = [_score(word, haystack) for word in words]
        if None not in scores:
            scored.append((sum(score for score in scores if score is not None), model))
    return [model for _, model in sorted(scored, key=lambda pair: pair[0])]


def _score(word: str, text: str) -> int | None:
    """How badly a word fits: its place in the text, or far behind these the gaps between its letters; or not at all."""
    at = text.find(word)
    if at >= 0:
        return min(at, 100)
    start = place = text.find(word[0])
    for letter in word:
        place = text.find(letter, place)
        if place < 0:
            return None
        place += 1
    gaps = place - start - len(word)
    return 200 + gaps if gaps <= 2 * len(word) else None


def rough_shape(parameters: float) -> ModelShape:
    """A usual shape of that size (Llama 3 and Qwen 3 have such), for a first guess before anything is read."""
    hidden = max(256, round((parameters * 128 / 14) ** (1 / 3) / 128) * 128)
    layers = max(2, hidden // 128)
    vocabulary = 128_256 if parameters > 1e9 else 64_000
    embeddings = vocabulary * hidden
    return ModelShape(
        layers=layers,
        hidden=hidden,
        intermediate=int(3.5 * hidden),
        query=hidden,
        key_value=hidden // 4,
        vocabulary=vocabulary,
        linear_parameters=max(int(parameters) - embeddings, int(parameters) // 2),
        embedding_parameters=embeddings,
    )


def rough_verdict(model: OfferedModel, session: Session, ground: Ground) -> Verdict | None:
    """Whether a model of this size would fit with the session's settings; None where nothing is known of it or the GPU."""
    if not model.parameters or ground.gpu is None:
        return None
    ahead = Ground(rough_shape(model.parameters), ground.longest_tokens, ground.gpu).forecast(session)
    return ahead.verdict if ahead else None


def search_arguments(text: str) -> dict[str, Any]:
    """What is asked of the hub for typed words: ``author:``, ``licence:`` and ``under:8b`` narrow it, others are names."""
    asked: dict[str, Any] = {"text": ""}
    for word in text.split():
        name, _, value = word.partition(":")
        if name in ("author", "licence") and value:
            asked[name] = value
        elif name == "under" and (size := parameters_in_name(value)):
            asked["largest_parameters"] = int(size)
        else:
            asked["text"] = f"{asked['text']} {word}".strip()
    return asked


def from_hub(row: HubRow) -> OfferedModel:
    """A line of the list from what the hub found."""
    notes = [row.licence, "gated" if row.gated else "", "private" if row.private else ""]
    parameters = float(row.parameters) if row.parameters else parameters_in_name(row.name)
    return OfferedModel(row.name, row.name, "hub", parameters, note=" · ".join(note for note in notes if note))
