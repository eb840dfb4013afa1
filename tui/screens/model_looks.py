"""What the Model place finds out in the background: what there is, what the hub has, what a model is.

huggingface_hub is loaded by these looks, not with the window: the first picture need not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.catalog.local import ModelCard, ModelError, is_path, read_model
from tui.machine.readings import GpuReading
from tui.resources import expanded
from tui.screens.base import Outdated

if TYPE_CHECKING:
    from tui.catalog.hub import HubDetails
    from tui.run.models import OfferedModel


@dataclass(frozen=True)
class Surroundings:
    """What is there to choose from, and the GPU to train on."""

    models: tuple[OfferedModel, ...] = ()
    gpu: GpuReading | None = None


@dataclass(frozen=True)
class HubPage:
    """What the hub found for some words, so far."""

    text: str
    models: tuple[OfferedModel, ...]
    next: str | None
    """What fetches the page after this; None on the last one."""


@dataclass(frozen=True)
class Described:
    """What was found out about the chosen model."""

    card: ModelCard
    details: HubDetails | None = None


def find_models(outdated: Outdated) -> Surroundings:
    """The models that can be chosen, and the GPU."""
    from tui.machine.gpu import read_gpus
    from tui.run.models import offered_models

    gpus = read_gpus()
    return Surroundings(tuple(offered_models()), gpus[0] if gpus else None)


def look_below(typed: str) -> list[OfferedModel]:
    """The models in a folder; none where it is no folder or may not be read."""
    from tui.run.models import models_below

    folder = expanded(typed)
    try:
        return models_below(folder) if folder.is_dir() and not (folder / "config.json").exists() else []
    except OSError:
        return []


def search_hub(text: str, token: str | None = None) -> HubPage | ModelError:
    """What the hub finds for some words, a page of it, or why it does not."""
    from tui.catalog.search import search
    from tui.run.models import from_hub, search_arguments

    try:
        page = search(**search_arguments(text), page_token=token)
        return HubPage(text, tuple(map(from_hub, page.rows)), page.next)
    except ModelError as error:
        return error


def describe_model(name: str, revision: str | None) -> Described | ModelError:
    """What a folder or a hub name is, or why that cannot be said."""
    from tui.catalog.hub import read_hub_details

    try:
        if is_path(name):
            return Described(read_model(name))
        details = read_hub_details(name, revision)
        return Described(details.card, details)
    except ModelError as error:
        return error
