"""Whatever would end a run in its first minute is said before it starts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tui.machine.readings import GpuReading
from tui.run import events, programs
from tui.run import preflight as module
from tui.run.folder import create_run
from tui.run.preflight import Findings, investigate, preflight, relevant
from tui.session import file
from tui.session.fields import get_value
from tui.session.schema import Session

Model = Callable[..., Path]
Safetensors = Callable[[Path, Any], Path]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n' * 200)
    return path


def session_of(name: object, source: object, **sections: dict[str, Any]) -> Session:
    told = {"model": {"name": str(name)}, "data": {"source": str(source)}}
    for section, fields in sections.items():
        told[section] = told.get(section, {}) | fields
    return file.from_table(told)


def found(name: object, source: object, **sections: dict[str, Any]) -> list[tuple[str, str, bool]]:
    told = preflight(session_of(name, source, **sections))
    return [(problem.key, problem.text, problem.blocking) for problem in told]


def make_adapter(folder: Path, safetensors: Safetensors, base: object) -> Path:
    """An adapter of 64 parameters."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    header = {"lora_A": {"dtype": "F32", "shape": [16, 4], "data_offsets": [0, 0]}}
    safetensors(folder / "adapter_model.safetensors", header)
    return folder


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


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("model.name", "~nobody-of-that-name/x"),
        ("data.source", "~nobody-of-that-name/x.jsonl"),
        ("evaluation.source", "~nobody-of-that-name/x.jsonl"),
        ("lora.continue_from", "~nobody-of-that-name/x"),
        ("data.chat_template", "~nobody-of-that-name/x.jinja"),
        ("training.custom_loss", "~nobody-of-that-name/x.py:mine"),
    ],
)
def test_the_home_of_nobody_is_a_problem_of_its_key(key: str, name: str) -> None:
    found = [problem for problem in preflight(file.replace_value(Session(), key, name)) if problem.key == key]
    assert found and found[0].blocking, found


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "/" + "x" * 5000, "x" * 5000, "a\0b"])
def test_a_name_that_nothing_can_have_is_refused(name: str) -> None:
    assert {key for key, _, _ in found(name, name)} == {"model.name", "data.source"}


def test_an_adapter_is_not_trained_but_its_base(tmp_path: Path, safetensors: Callable[..., Path], data: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "unsloth/Qwen3-4B"}')
    safetensors(tmp_path / "adapter_model.safetensors", {})
    assert found(tmp_path, data) == [
        (
            "model.name",
            f"{tmp_path} is an adapter; choose its base model unsloth/Qwen3-4B, and the adapter as lora.continue_from",
            True,
        )
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
        ("evaluation.source", "held.jsonl, line 2: column 'completion' is empty: there is nothing to learn", True),
    ]


def test_the_column_by_which_rows_are_held_out_has_to_be_there(hollow_model: Model, data: Path) -> None:
    model, told = hollow_model(), {"evaluation": {"fraction": 0.1, "group_column": "speaker"}}
    expected = ("evaluation.group_column", "there is no column 'speaker'; there are prompt, completion", True)
    assert expected in found(model, data, **told)
    told["evaluation"]["group_column"] = "prompt"
    assert found(model, data, **told) == []


def test_a_forced_format_is_tried(data: Path) -> None:
    ((key, text, _),) = found("a/b", data, data={"format": "sharegpt"})
    assert key == "data.source" and "the format sharegpt does not fit these rows (columns: prompt, completion)" in text


def test_a_very_long_file_is_read_only_so_far(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_READ", 250)
    data.write_text('{"prompt": "a", "completion": "b"}\n' * 250 + "not JSON\n")
    assert found("a/b", data) == []
    data.write_text('{"prompt": "a", "completion": "b"}\n' * 249 + "not JSON\n")
    assert found("a/b", data)[0][1].startswith("train.jsonl, line 250: it is not JSON")


def test_a_row_of_another_shape_is_named(data: Path) -> None:
    with data.open("a") as stream:
        stream.write(json.dumps({"messages": []}) + "\n")
    assert found("a/b", data) == [("data.source", "train.jsonl, line 201: column 'prompt' is missing", True)]


def test_the_worst_is_said_first(hollow_model: Model, data: Path) -> None:
    told = found(
        hollow_model(), data, training={"learning_rate": 0.01}, model={"device": "cpu"}, run={"notify": ["no-such-program"]}
    )
    assert [(key, blocking) for key, _, blocking in told] == [("run.notify", True), ("training.learning_rate", False)]


# what is found out


PAIR = {"prompt": "a", "completion": "b"}
FILES: dict[str, tuple[str, bool]] = {
    "rows.jsonl": ((json.dumps(PAIR) + "\n") * 7, True),
    "gaps.jsonl": ("\n" + (json.dumps(PAIR) + "\n\n \n") * 7, True),
    "no-end.jsonl": ("\n".join([json.dumps(PAIR)] * 7), True),
    "old-mac.jsonl": ((json.dumps(PAIR) + "\r") * 7, True),
    "marked.jsonl": ("\ufeff\n" + (json.dumps(PAIR) + "\n\u00a0\n") * 7, True),
    "rows.json": (json.dumps([PAIR] * 7), True),
    "inside.json": (json.dumps({"rows": [PAIR] * 7}), True),
    "lines.json": ((json.dumps(PAIR) + "\n") * 7, True),
    "chat.jsonl": ((json.dumps({"messages": [{"role": "assistant", "content": "a"}]}) + "\n") * 7, True),
    "rows.csv": ("prompt,completion\n" + 'a,"b\nc"\n' * 7 + "\n,\n", True),
    "rows.tsv": ("prompt\tcompletion\n" + "a\tb\n" * 7, True),
    "plain.csv": ("text\n" + "a\n" * 7, False),
    "blocks.txt": ("one\ntwo\n\n\n" * 7, False),
}


@pytest.mark.parametrize("name", FILES)
def test_every_example_of_a_file_is_counted_as_the_engine_will_read_it(tmp_path: Path, name: str) -> None:
    text, conversations = FILES[name]
    (tmp_path / name).write_text(text)
    facts = investigate(session_of("a/b", tmp_path / name)).facts
    assert (facts.examples, facts.conversations) == (7, conversations)


def test_the_examples_of_a_parquet_file_are_counted(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"text": ["a"] * 2500}), tmp_path / "rows.parquet", row_group_size=1000)
    facts = investigate(session_of("a/b", tmp_path / "rows.parquet")).facts
    assert (facts.examples, facts.conversations) == (2500, False)


def test_more_examples_are_counted_than_are_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_READ", 10)
    assert investigate(session_of("a/b", data)).facts.examples == 200


def test_held_out_examples_are_counted_apart(data: Path, tmp_path: Path) -> None:
    (tmp_path / "held.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 3)
    facts = investigate(session_of("a/b", data, evaluation={"source": str(tmp_path / "held.jsonl")})).facts
    assert (facts.examples, facts.held_out_examples) == (200, 3)


def test_what_a_model_folder_tells_is_known(hollow_model: Model, safetensors: Safetensors, data: Path) -> None:
    folder = hollow_model(max_position_embeddings=8192)
    name = "model.layers.0.self_attn.q_proj.weight"
    safetensors(folder / "model.safetensors", {name: {"dtype": "BF16", "shape": [6, 5], "data_offsets": [0, 0]}})
    facts = investigate(session_of(folder, data)).facts
    assert (facts.context_length, facts.parameters, facts.has_chat_template) == (8192, 30, True)
    assert facts.linears == {"q_proj": ((6, 5),)}
    (folder / "chat_template.jinja").unlink()
    assert ("data.chat_template", True) in [(key, blocking) for key, _, blocking in found(folder, data)]
    assert [key for key, _, _ in found(folder, data, data={"chat_template": "chatml"})] == ["lora.target_modules"]


def test_of_a_model_on_the_hub_nothing_is_known(data: Path) -> None:
    facts = investigate(session_of("unsloth/Qwen3-4B", data)).facts
    assert (facts.context_length, facts.parameters, facts.has_chat_template, facts.linears) == (None, None, None, {})


def test_nothing_is_known_of_nothing() -> None:
    facts = investigate(Session()).facts
    assert (facts.examples, facts.held_out_examples, facts.conversations, facts.adapter_parameters) == (None,) * 4


def gpus(monkeypatch: pytest.MonkeyPatch, *bfloat16: bool) -> None:
    """A box with so many GPUs."""
    readings = tuple(GpuReading(index, "GPU") for index in range(len(bfloat16)))
    monkeypatch.setattr(module, "read_gpus", lambda: readings)
    monkeypatch.setattr(programs, "read_gpus", lambda: readings)
    monkeypatch.setattr(module, "computes_bfloat16", lambda index=0: bfloat16[index] if index < len(bfloat16) else None)


@pytest.mark.parametrize(
    ("device", "count", "bfloat16"),
    [("auto", 2, False), ("cpu", 0, None), ("0", 1, False), ("1", 1, True), ("1,0", 2, True), ("GPU-0b1a", 1, False)],
)
def test_only_the_gpus_that_the_run_may_see_count(
    monkeypatch: pytest.MonkeyPatch, device: str, count: int, bfloat16: bool | None
) -> None:
    gpus(monkeypatch, False, True)
    facts = investigate(session_of("a/b", "", model={"device": device})).facts
    assert (facts.gpus, facts.bfloat16) == (count, bfloat16)


def test_a_box_without_a_gpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch)
    facts = investigate(session_of("a/b", "")).facts
    assert (facts.gpus, facts.bfloat16) == (0, None)


def test_the_pace_of_the_last_run_is_known(data: Path) -> None:
    session = session_of("a/b", data)
    step = events.StepDone(step=1, epoch=0.1, loss=1.0, learning_rate=0.0, seconds=4.0)
    create_run(session).events.write_text(events.to_line(step))
    assert investigate(session).facts.seconds_per_example == 0.5


# adapters


def test_the_adapter_of_an_earlier_run_can_be_continued(
    hollow_model: Model, safetensors: Safetensors, tmp_path: Path, data: Path
) -> None:
    base = hollow_model()
    make_adapter(tmp_path / "run" / "adapter", safetensors, base)
    for name in (tmp_path / "run", tmp_path / "run" / "adapter"):
        session = session_of(base, data, lora={"continue_from": str(name)})
        assert preflight(session) == []
        assert investigate(session).facts.adapter_parameters == 64


def test_a_base_model_told_by_another_path_is_the_same(
    hollow_model: Model, safetensors: Safetensors, tmp_path: Path, data: Path
) -> None:
    base = hollow_model()
    adapter = make_adapter(tmp_path / "adapter", safetensors, base.parent / "." / "x" / ".." / base.name)
    assert found(base, data, lora={"continue_from": str(adapter)}) == []


def test_an_adapter_of_another_model_is_refused_and_its_own_offered(
    hollow_model: Model, safetensors: Safetensors, tmp_path: Path, data: Path
) -> None:
    own = hollow_model("own")
    session = session_of(hollow_model("other"), data, lora={"continue_from": str(tmp_path / "adapter")})
    make_adapter(tmp_path / "adapter", safetensors, own)
    (problem,) = preflight(session)
    assert (problem.key, problem.text, problem.blocking) == ("lora.continue_from", f"this adapter belongs to {own}", True)
    assert preflight(file.replace_values(session, problem.mend)) == []


@pytest.mark.parametrize("name", ["missing", "model"])
def test_what_cannot_be_continued_is_refused(hollow_model: Model, tmp_path: Path, data: Path, name: str) -> None:
    model = hollow_model("model")
    said = {"missing": f"there is no folder {tmp_path / name}", "model": f"{model} is a model, not an adapter"}
    assert found(model, data, lora={"continue_from": str(tmp_path / name)}) == [("lora.continue_from", said[name], True)]


def test_an_adapter_chosen_as_the_model_is_continued_with_one_key(
    hollow_model: Model, safetensors: Safetensors, tmp_path: Path, data: Path
) -> None:
    session = session_of(make_adapter(tmp_path / "adapter", safetensors, hollow_model()), data)
    (problem,) = preflight(session)
    mended = file.replace_values(session, problem.mend)
    assert preflight(mended) == []
    assert mended.lora.continue_from == str(tmp_path / "adapter")


# when to look again


CHANGES: dict[str, Any] = {
    "model.name": "c/d",
    "model.device": "cpu",
    "model.max_seq_length": 512,
    "data.source": "other.jsonl",
    "data.format": "text",
    "evaluation.source": "held.jsonl",
    "evaluation.group_column": "id",
    "lora.continue_from": "old",
    "training.custom_loss": "a.py:f",
    "training.report_to": "wandb",
    "training.packing": True,
    "export.kinds": ("gguf",),
    "run.notify": ("true",),
}


@pytest.mark.parametrize("key", CHANGES)
def test_what_the_findings_go_by_is_looked_at_again(key: str) -> None:
    session = session_of("a/b", "train.jsonl")
    changed = file.replace_value(session, key, CHANGES[key])
    assert get_value(changed, key) != get_value(session, key)
    assert list(relevant(changed)) != list(relevant(session))


def test_a_rate_does_not_make_the_window_read_the_data_again() -> None:
    session = session_of("a/b", "train.jsonl")
    assert list(relevant(file.replace_value(session, "training.learning_rate", 1e-3))) == list(relevant(session))


def test_findings_hold_for_a_changed_session(hollow_model: Model, data: Path) -> None:
    session = session_of(hollow_model(), data)
    findings = investigate(session)
    assert findings.all_problems(session) == []
    (problem,) = findings.all_problems(file.replace_value(session, "model.max_seq_length", 4097))
    assert problem.key == "model.max_seq_length"
    assert Findings().all_problems(session) == []
