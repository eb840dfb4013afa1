"""The base model of an export on its way from the hub: its bytes are told, and an end is heard."""

from __future__ import annotations

import psutil
import pytest

from tests.hub_repos import Hub, small_model
from tests.hub_server import hub as hub
from tui.catalog.hub import cached_card
from tui.engine.export.fetch import fetch
from tui.engine.export.job import Cancelled

NAME = "org/base"


def downloads() -> list[psutil.Process]:
    there = [it for it in psutil.Process().children() if it.status() != psutil.STATUS_ZOMBIE]
    return [it for it in there if "tui.catalog.download" in it.cmdline()]


@pytest.mark.slow
def test_a_cancelled_download_ends_and_the_next_one_brings_the_model_with_its_bytes_told(hub: Hub) -> None:
    hub.add(NAME, small_model(weights=256_000))
    hub.speeds[f"/{NAME}/resolve/"] = 400_000
    told: list[tuple[int, int]] = []

    def given_up(done: int, total: int) -> None:
        told.append((done, total))
        if done > 100_000:
            raise Cancelled

    with pytest.raises(Cancelled):
        fetch(NAME, given_up)
    assert not downloads()
    hub.mend()
    fetch(NAME, lambda done, total: told.append((done, total)))
    done, total = told[-1]
    assert done == total > 2 * 256_000
    card = cached_card(NAME, None)
    assert card is not None and card.parameters == 256_000
