"""Whatever would end a run in its first minute is said before it starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tui.run import preflight as module
from tui.run.preflight import preflight
from tui.session import file

Model = Callable[..., Path]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n' * 3)
    return path


def found(name: object, source: object, **sections: dict[str, Any]) -> list[tuple[str, str, bool]]:
    told = {"model": {"name": str(name)}, "data": {"source": str(source)}}
    for section, fields in sections.items():
        told[section] = told.get(section, {}) | fields
    return [(problem.key, problem.text, problem.blocking) for problem in preflight(file.from_table(told))]


def test_a_sound_session_may_start(hollow_model: Model, data: Path) -> None:
    assert found(hollow_model(), data) == []
    assert found("unsloth/Qwen3-4B", data) == []


def test_the_demo_may_start_once_its_model_is_there(hollow_model: Model, samples: Path) -> None:
    session = file.load(samples / "shell.toml")
    assert preflight(file.replace_value(session, "model.name", str(hollow_model()))) == []


def test_nothing_chosen_is_said_once_each() -> None:
    assert [key for key, _, _ in found("", "")] == ["model.name", "data.source"]


@pytest.mark.parametrize("name", ["Qwen3-4B", "unsloth/", "/ "])
def test_what_is_neither_a_folder_nor_on_the_hub_is_refused(name: str, data: Path) -> None:
    (problem,) = found(name, data)
    assert problem[0] == "model.name" and name.strip() in problem[1] and problem[2]


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "/" + "x" * 5000, "x" * 5000, "a\0b"])
def test_a_name_that_nothing_can_have_is_refused(name: str) -> None:
    assert {key for key, _, _ in found(name, name)} == {"model.name", "data.source"}


def test_an_adapter_is_not_trained_but_its_base(tmp_path: Path, safetensors: Callable[..., Path], data: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "unsloth/Qwen3-4B"}')
    safetensors(tmp_path / "adapter_model.safetensors", {})
    assert found(tmp_path, data) == [
        ("model.name", f"{tmp_path} is an adapter; choose its base model unsloth/Qwen3-4B", True)
    ]


def test_a_longer_text_than_the_model_was_made_for_is_advice(hollow_model: Model, data: Path) -> None:
    folder = hollow_model(max_position_embeddings=2048)
    assert found(folder, data, model={"max_seq_length": 2048}) == []
    ((key, _, blocking),) = found(folder, data, model={"max_seq_length": 2049})
    assert (key, blocking) == ("model.max_seq_length", False)


def test_both_files_are_read_and_each_problem_is_at_its_key(tmp_path: Path, hollow_model: Model) -> None:
    bad = tmp_path / "held.jsonl"
    bad.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": ""}\n')
    told = found(hollow_model(), tmp_path / "no.jsonl", evaluation={"source": str(bad)})
    assert told == [
        ("data.source", f"there is no file {tmp_path / 'no.jsonl'}", True),
        ("evaluation.source", f"{bad}, row 2: column 'completion' is empty: there is nothing to learn", True),
    ]


def test_a_forced_format_is_tried(data: Path) -> None:
    ((key, text, _),) = found("a/b", data, data={"format": "sharegpt"})
    assert key == "data.source" and "the format sharegpt does not fit the columns prompt, completion" in text


def test_a_very_long_file_is_read_only_so_far(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_READ", 250)
    data.write_text('{"prompt": "a", "completion": "b"}\n' * 250 + "not JSON\n")
    assert found("a/b", data) == []
    data.write_text('{"prompt": "a", "completion": "b"}\n' * 249 + "not JSON\n")
    assert found("a/b", data)[0][1].startswith(f"{data}, line 250 is not JSON")


def test_a_row_of_another_shape_is_named(data: Path) -> None:
    with data.open("a") as stream:
        stream.write(json.dumps({"messages": []}) + "\n")
    assert found("a/b", data) == [("data.source", f"{data}, row 4: prompt is missing", True)]
