"""The models that need no download are listed, and nothing that is not whole."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub.errors import CacheNotFound

from tui.catalog import known
from tui.catalog.known import KnownModel, known_models


def cache(monkeypatch: pytest.MonkeyPatch, *repositories: tuple[str, str, int]) -> None:
    told = [SimpleNamespace(repo_type=kind, repo_id=name, size_on_disk=size) for kind, name, size in repositories]
    monkeypatch.setattr(known, "scan_cache_dir", lambda _: SimpleNamespace(repos=told))


def test_models_come_from_both_places_by_name_and_data_sets_not_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache(monkeypatch, ("model", "zeta/last", 5), ("dataset", "some/data", 7), ("model", "Alpha/first", 6))
    for name in ("mine", ".half-unpacked"):
        (home / "models" / name).mkdir(parents=True)
        (home / "models" / name / "config.json").write_text("{}")
    (home / "models" / "nothing").mkdir()
    assert known_models() == [
        KnownModel("Alpha/first", "Alpha/first", 6, "hub cache"),
        KnownModel(str(home / "models" / "mine"), "mine", 2, "on this machine"),
        KnownModel("zeta/last", "zeta/last", 5, "hub cache"),
    ]


@pytest.mark.parametrize("failure", [CacheNotFound("none", cache_dir="/x"), PermissionError(), ValueError("a file")])
def test_a_machine_without_a_cache_has_no_models_and_no_error(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def missing(_: object) -> Any:
        raise failure

    monkeypatch.setattr(known, "scan_cache_dir", missing)
    assert known_models() == []


def test_the_tests_do_not_see_the_cache_of_the_developer() -> None:
    assert known_models() == []
