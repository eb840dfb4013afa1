"""The list of models: what is there, what Unsloth knows, found by a few letters, and a first guess whether it fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.machine.test_memory import shape
from tui.catalog.unsloth_models import models_in, parameters_in_name, unsloth_models
from tui.machine.memory import predict
from tui.machine.readings import GpuReading
from tui.run.forecast import Ground
from tui.run.models import (
    OfferedModel,
    matching,
    models_below,
    offered_models,
    rough_shape,
    rough_verdict,
    search_arguments,
)
from tui.session import file
from tui.session.recent import remember
from tui.session.schema import Session

SOURCE = """
__INT_TO_FLOAT_MAPPER = {
    "unsloth/A-4B-bnb-4bit": ("unsloth/A-4B", "owner/A-4B"),
    "unsloth/A-4B-unsloth-bnb-4bit": {"8": ("owner/A-4B-FP8", "unsloth/A-4B-FP8"), "16": ("unsloth/A-4B", "owner/A-4B")},
    "unsloth/B-bnb-4bit": ("owner/B",),
}
"""


def test_all_names_of_a_model_are_one_row() -> None:
    second, first = models_in(SOURCE)
    assert (second.name, second.parameters) == ("unsloth/A-4B", 4e9)
    assert set(second.variants) == {
        "unsloth/A-4B-bnb-4bit", "owner/A-4B", "owner/A-4B-FP8", "unsloth/A-4B-FP8", "unsloth/A-4B-unsloth-bnb-4bit",
    }  # fmt: skip
    assert (first.name, first.parameters) == ("owner/B", None)


def test_the_installed_unsloth_is_read_without_importing_it() -> None:
    models = unsloth_models()
    assert len(models) > 200
    names = [model.name for model in models]
    assert "unsloth/Qwen3-4B-Instruct-2507" in names and len(names) == len(set(names))


@pytest.mark.parametrize(
    "source", ["__INT_TO_FLOAT_MAPPER = made()", "__INT_TO_FLOAT_MAPPER = {", "__INT_TO_FLOAT_MAPPER = [1]"]
)
def test_an_unsloth_that_is_written_in_another_way_knows_no_models(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mapper.py").write_text(source)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr("tui.catalog.unsloth_models.find_spec", lambda name: spec)
    assert unsloth_models.__wrapped__() == ()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("unsloth/Qwen3-4B", 4e9), ("a/SmolLM2-135M-Instruct", 135e6), ("a/Mixtral-8x7B-v0.1", 56e9),
        ("a/gemma-3n-E2B", 2e9),
        ("a/Llama-3.2-1B", 1e9), ("unsloth/granite-4.0-350m", 350e6), ("a/phi-4", None), ("a/4bit-model", None),
    ],
)  # fmt: skip
def test_the_size_is_read_from_the_name(name: str, parameters: float | None) -> None:
    assert parameters_in_name(name) == parameters


def test_models_here_come_first_then_results_then_what_can_be_fetched(
    home: Path, hollow_model: Callable[..., Path], demo_run_folder: Path
) -> None:
    (home / "models").mkdir(parents=True)
    hollow_model("ready").rename(home / "models" / "ready")
    found = offered_models()
    assert [(model.title, model.place) for model in found[:2]] == [("ready", "here"), (demo_run_folder.name, "run")]
    assert found[1].base == "owner/base"
    assert {model.place for model in found[2:]} == {"Unsloth"}


@pytest.fixture
def demo_run_folder(home: Path) -> Path:
    folder = home / "runs" / "2026-01-01-one"
    (folder / "adapter").mkdir(parents=True)
    (folder / "session.toml").write_text('[model]\nname = "owner/base"\n[data]\nsource = "x"\n')
    (folder / "adapter" / "adapter_config.json").write_text("{}")
    return folder


NAMES = ["unsloth/Qwen3-4B-Instruct", "unsloth/Qwen3-14B", "unsloth/Llama-3.2-1B", "unsloth/gemma-3-4b-it"]
LISTED = [OfferedModel(name, name, "Unsloth") for name in NAMES]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("", NAMES), ("qwen", NAMES[:2]), ("4b", [NAMES[0], NAMES[1], NAMES[3]]), ("qw3 4b", NAMES[:2]),
        ("LLAMA 1b", [NAMES[2]]), ("zzz", []),
    ],
)  # fmt: skip
def test_a_few_letters_find_a_model(typed: str, found: list[str]) -> None:
    assert {model.name for model in matching(LISTED, typed)} == set(found)


def test_a_thousand_models_are_filtered_while_one_types() -> None:
    many = [OfferedModel(f"owner/model-{number}-7B", f"owner/model-{number}-7B", "hub") for number in range(2000)]
    assert [model.name for model in matching(many, "model-1999-")] == ["owner/model-1999-7B"]


@pytest.mark.parametrize(("parameters", "size"), [(1.236e9, "1b"), (3.09e9, "3b"), (8.03e9, "8b")])
@pytest.mark.parametrize("precision", ["load_in_4bit", "load_in_16bit"])
def test_the_first_guess_is_near_the_prediction(parameters: float, size: str, precision: str) -> None:
    session = file.from_table({"model": {precision: True}})
    assert predict(session, rough_shape(parameters)).total == pytest.approx(predict(session, shape(size)).total, rel=0.3)


def test_what_fits_depends_on_the_card() -> None:
    small = Ground(gpu=GpuReading(0, "small", memory_used_bytes=0, memory_total_bytes=8 << 30))
    verdicts = [rough_verdict(OfferedModel("m", "m", "hub", size), Session(), small) for size in (1e9, 7e9, 70e9)]
    assert verdicts[0] == "fits" and verdicts[2] == "too big"
    assert rough_verdict(OfferedModel("m", "m", "hub", 1e9), Session(), Ground()) is None


def test_words_narrow_the_search() -> None:
    asked = search_arguments("qwen author:unsloth instruct under:8b licence:apache-2.0 under:x")
    assert asked == {
        "text": "qwen instruct under:x", "author": "unsloth", "largest_parameters": 8_000_000_000, "licence": "apache-2.0",
    }  # fmt: skip
    assert matching(LISTED, "author:unsloth qwen") == LISTED[:2]


def test_folders_of_earlier_sessions_are_remembered_and_others_found(
    home: Path, tmp_path: Path, hollow_model: Callable[..., Path]
) -> None:
    folder = hollow_model("store-7B")
    path = tmp_path / "one.toml"
    file.save(file.from_table({"model": {"name": str(folder)}}), path)
    remember(path)
    first = offered_models()[0]
    assert (first.title, first.place, first.parameters) == ("store-7B", "here", 6)  # as its weights have it, not its name
    assert first.size_bytes == (folder / "model.safetensors").stat().st_size
    assert [model.name for model in models_below(tmp_path)] == [str(folder)]


def test_checkpoints_of_a_run_can_be_gone_on_from(demo_run_folder: Path) -> None:
    for number in (90, 100):
        place = demo_run_folder / "checkpoints" / f"checkpoint-{number}"
        place.mkdir(parents=True)
        (place / "adapter_config.json").write_text("{}")
    found = [model for model in offered_models() if model.place == "run"]
    assert [model.name for model in found] == [
        str(demo_run_folder), *(str(demo_run_folder / "checkpoints" / f"checkpoint-{number}") for number in (100, 90)),
    ]  # fmt: skip
