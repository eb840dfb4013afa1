"""A session survives being saved, and every way in which its file can be wrong is told in words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, Lt, MaxLen
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tui.session import file
from tui.session.checks import check
from tui.session.fields import FieldSpec, fields_of
from tui.session.file import SessionError
from tui.session.schema import Session

# legal values, derived from the schema


def limits(key: str) -> dict[str, Any]:
    """The bounds that the schema declares for a key, by the names of the annotations."""
    section, name = key.split(".")
    schema = Session.model_fields[section].annotation
    assert isinstance(schema, type) and issubclass(schema, BaseModel)
    found: dict[str, Any] = {}
    for item in schema.model_fields[name].metadata:
        match item:
            case Ge() | Gt() | Le() | Lt():
                word = type(item).__name__.lower()
                found[word] = getattr(item, word)
            case MaxLen():
                found["max_length"] = item.max_length
    return found


def legal(spec: FieldSpec) -> st.SearchStrategy[Any]:
    """Values that the schema allows for a field."""
    bounds = limits(spec.key)
    values: st.SearchStrategy[Any]
    if spec.choices:
        values = st.sampled_from(spec.choices)
    elif spec.kind is bool:
        values = st.booleans()
    elif spec.kind is int:
        values = st.integers(bounds.get("ge", -(2**63)), bounds.get("le", 2**63 - 1))
    elif spec.kind is float:
        low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
        excluded = {"exclude_min": "gt" in bounds, "exclude_max": "lt" in bounds}
        values = st.floats(low, high, allow_nan=False, allow_infinity=False, **excluded)
    elif spec.kind is tuple:
        values = st.lists(st.text(), min_size=1, max_size=4)
    else:
        values = st.text(max_size=bounds.get("max_length"))
    return st.none() | values if spec.optional else values


def tables() -> st.SearchStrategy[dict[str, dict[str, Any]]]:
    """Nested tables with a legal value for every key of the schema."""
    sections: dict[str, dict[str, st.SearchStrategy[Any]]] = {}
    for spec in fields_of(Session):
        sections.setdefault(spec.section, {})[spec.key.partition(".")[2]] = legal(spec)
    return st.fixed_dictionaries({name: st.fixed_dictionaries(fields) for name, fields in sections.items()})


@given(tables(), st.booleans())
def test_no_value_of_any_field_is_lost_or_changed_by_saving(table: dict[str, Any], defaults: bool) -> None:
    session = file.from_table(table)
    assert file.parse(file.dumps(session, defaults=defaults)) == session


@given(tables())
def test_a_saved_file_loads_as_the_same_session(tmp_path: Path, table: dict[str, Any]) -> None:
    session = file.from_table(table)
    path = tmp_path / "session.toml"
    file.save(session, path)
    assert file.load(path) == file.anchored(session, tmp_path)


def test_only_what_differs_from_the_defaults_is_written() -> None:
    session = file.from_table({"model": {"name": "a/b"}, "training": {"max_steps": 3, "seed": 3407}})
    assert file.to_table(session) == {"model": {"name": "a/b"}, "training": {"max_steps": 3}}


def test_the_demo_session_that_comes_with_the_program_is_read(samples: Path) -> None:
    session = file.load(samples / "shell.toml")
    assert (session.training.max_steps, session.training.learning_rate, session.effective_batch) == (60, 1e-3, 8)
    assert session.data.source == str(samples / "shell" / "train.jsonl")


# what is wrong, in words


def problems(text: str) -> dict[str, str]:
    """What is said about a session, by key."""
    with pytest.raises(SessionError) as caught:
        file.parse(text)
    assert len({problem.key for problem in caught.value.problems}) == len(caught.value.problems)
    return {problem.key: problem.text for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ("[training]\nmax_step = 5", "training.max_step", "there is no such key; did you mean training.max_steps?"),
        ("[trainig]\nmax_steps = 5", "trainig", "there is no such key; did you mean training?"),
        ("learning_rate = 1e-4", "learning_rate", "there is no such key; did you mean training.learning_rate?"),
        ("lora_alpha = 1", "lora_alpha", "there is no such key; did you mean lora.lora_alpha?"),
        (
            "[training]\nmax_seq_length = 512",
            "training.max_seq_length",
            "there is no such key; did you mean model.max_seq_length?",
        ),
        ("[run]\nzzz = 1", "run.zzz", "there is no such key; known here: name, notes"),
        ("[training]\nmax_steps = 0", "training.max_steps", "should be greater than or equal to 1, not 0"),
        ('[training]\nlearning_rate = "fast"', "training.learning_rate", 'should be a number, not "fast"'),
        ("[training]\nlearning_rate = 0", "training.learning_rate", "should be greater than 0, not 0"),
        ("[training]\nlearning_rate = nan", "training.learning_rate", "should be a finite number, not nan"),
        ("[lora]\nlora_dropout = 1.0", "lora.lora_dropout", "should be less than 1, not 1.0"),
        ("[lora]\nr = []", "lora.r", "should be a number, not []"),
        ("[lora]\nbias = 'some'", "lora.bias", "should be 'none', 'all' or 'lora_only', not \"some\""),
        ("model = 5", "model", "should be a table, not 5"),
        ("[[model]]\nname = 'a/b'", "model", "should be a table, not [{'name': 'a/b'}]"),
        ("[training]\nseed = 5_000_000_000", "training.seed", "should be less than or equal to 4294967295, not 5000000000"),
        (
            "[training]\nsave_steps = 9_223_372_036_854_775_808",
            "training.save_steps",
            "should be less than 2**63, not 9223372036854775808",
        ),
        (
            f"[model]\nmax_seq_length = 0x{'f' * 5000}",
            "model.max_seq_length",
            "should be less than or equal to 1048576, not a number that is far too long",
        ),
    ],
)
def test_what_is_wrong_is_said_at_its_key(text: str, key: str, said: str) -> None:
    assert problems(text) == {key: said}


def test_every_problem_is_named_at_once() -> None:
    told = problems('top = 1\n[training]\nmax_steps = 0\nlearning_rate = "fast"\nlerning_rate = 1\n[lora]\nr = 0')
    assert set(told) == {"top", "training.max_steps", "training.learning_rate", "training.lerning_rate", "lora.r"}


def test_a_long_wrong_value_is_cut_in_the_complaint() -> None:
    (said,) = problems(f'[training]\nlearning_rate = "{"x" * 5000}"').values()
    assert len(said) < 120


@pytest.mark.parametrize("key", [spec.key for spec in fields_of(Session)])
def test_a_key_put_into_no_section_is_led_to_one_that_has_it(key: str) -> None:
    name = key.partition(".")[2]
    (said,) = problems(f"{name} = 1").values()
    assert said.endswith(f".{name}?")


# the file itself


def refusal(path: Path) -> str:
    with pytest.raises(SessionError) as caught:
        file.load(path)
    (problem,) = caught.value.problems
    assert problem.key == "" and problem.blocking
    return problem.text


def test_a_windows_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"\xef\xbb\xbf[training]\r\nmax_steps = 7\r\n")
    assert file.load(path).training.max_steps == 7


def test_a_key_given_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_text("[training]\nmax_steps = 1\nmax_steps = 2\n")
    assert refusal(path).startswith(f"{path} is not valid TOML: ")
    assert "line 3" in refusal(path)


@pytest.mark.parametrize(
    "text", ["max_steps =", "[" * 3000, "a = " + "[" * 3000, f"[training]\nmax_steps = {'9' * 5000}", "a = 2021-99-99", "\0"]
)
def test_what_is_not_toml_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(text)
    assert refusal(path).startswith(f"{path} is not valid TOML: ")
    assert "\n" not in refusal(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path} is a folder, not a session file"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "no.toml") == f"there is no file {tmp_path / 'no.toml'}"


def test_a_file_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert refusal(tmp_path / "file" / "s.toml") == f"{tmp_path / 'file' / 's.toml'} cannot be read: Not a directory"


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(bytes(range(256)))
    assert refusal(path) == f"{path} is not a text file"


def test_two_megabytes_are_no_session(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes(b"# \n" * 700_000)
    assert refusal(path) == f"{path} is too large to be a session file"


def test_a_device_that_never_ends_is_not_read_for_ever() -> None:
    assert refusal(Path("/dev/zero")) == "/dev/zero is too large to be a session file"


NASTY = [
    "[",
    "]]",
    '"""',
    "'",
    "= nan",
    "\0",
    "\\u0000",
    "\\ud800",
    "[[model]]",
    "1979-05-27",
    "{a=",
    "~root/",
    "true",
    "-1",
]
NASTY += ["0x" + "f" * 4000, "9" * 5000, "\r", "\u202e", "a." * 300, "/" * 300, "x" * 5000, "1e999", "~nobody-here/"]


@given(st.data())
def test_no_damage_to_a_session_file_raises_anything_but_a_session_error(
    tmp_path: Path, samples: Path, data: st.DataObject
) -> None:
    content = bytearray((samples / "shell.toml").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 20))
        fresh = data.draw(st.binary(max_size=6) | st.sampled_from(NASTY).map(str.encode))
        content[start : start + length] = fresh
    path = tmp_path / "s.toml"
    path.write_bytes(content)
    try:
        session = file.load(path)
    except SessionError as error:
        assert error.problems and all(problem.text for problem in error.problems)
    else:
        check(session)
        assert file.parse(file.dumps(session)) == session


@given(st.sampled_from([spec.key for spec in fields_of(Session)]), st.sampled_from(NASTY) | st.text(max_size=20))
def test_no_text_for_a_value_raises_anything_but_a_session_error(tmp_path: Path, key: str, value: str) -> None:
    section, _, name = key.partition(".")
    path = tmp_path / "s.toml"
    for shown in (value, f'"{value}"'):
        path.write_bytes(f"[{section}]\n{name} = {shown}".encode())
        try:
            check(file.load(path))
        except SessionError as error:
            assert str(error)


# where relative paths lead


def test_relative_paths_are_taken_from_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    folder = tmp_path / "project"
    (folder / "models" / "mine").mkdir(parents=True)
    elsewhere.mkdir()
    for name in ("train.jsonl", "held.jsonl"):
        (folder / name).write_text("{}")
        (elsewhere / name).write_text("{}")
    (folder / "s.toml").write_text(
        '[model]\nname = "models/mine"\n[data]\nsource = "train.jsonl"\n[evaluation]\nsource = "../project/held.jsonl"'
    )
    monkeypatch.chdir(elsewhere)
    session = file.load(Path("..") / "project" / "s.toml")
    assert session.model.name == str(folder / "models" / "mine")
    assert session.data.source == str(folder / "train.jsonl")
    assert session.evaluation.source == str(folder / "held.jsonl")


def test_a_name_on_the_hub_stays_one_and_a_home_folder_is_found(tmp_path: Path) -> None:
    here = Path.home() / "models"
    here.mkdir()
    session = file.from_table({"model": {"name": "unsloth/Qwen3"}, "data": {"source": "~/models"}})
    anchored = file.anchored(session, tmp_path)
    assert (anchored.model.name, anchored.data.source) == ("unsloth/Qwen3", str(here))


@pytest.mark.parametrize("name", ["a\0b", "~nobody-of-that-name/x", "x" * 5000, ""])
def test_a_name_that_no_file_can_have_is_left_alone(tmp_path: Path, name: str) -> None:
    session = file.from_table({"model": {"name": name}})
    assert file.anchored(session, tmp_path) == session


# writing


def test_saving_leaves_one_private_file_and_nothing_else(tmp_path: Path) -> None:
    file.save(Session(), tmp_path / "s.toml")
    assert list(tmp_path.iterdir()) == [tmp_path / "s.toml"]
    assert (tmp_path / "s.toml").stat().st_mode & 0o777 == 0o600


def test_the_old_session_stays_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.toml"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        file.save(Session(), path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [tmp_path / "s.toml"]


def test_changing_one_value_checks_it_and_leaves_the_rest() -> None:
    session = file.from_table({"model": {"name": "a/b"}})
    changed = file.replace_value(session, "training.max_steps", 9)
    assert (changed.training.max_steps, changed.model, session.training.max_steps) == (9, session.model, None)
    with pytest.raises(SessionError, match=r"training\.max_steps: should be greater"):
        file.replace_value(session, "training.max_steps", -1)


@pytest.mark.parametrize("key", ["learning_rate", "max_steps"])
def test_true_is_not_taken_for_the_number_one(key: str) -> None:
    with pytest.raises(file.SessionError, match=f"training.{key}: should be a number"):
        file.parse(f"[training]\n{key} = true\n")


@pytest.mark.parametrize("word", ["true", "false"])
def test_checkpointing_is_switched_as_unsloth_switches_it(word: str) -> None:
    assert file.parse(f"[lora]\nuse_gradient_checkpointing = {word}\n").lora.use_gradient_checkpointing == word


def test_a_missing_file_is_looked_for_beside_the_session_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "there" / "s.toml"
    path.parent.mkdir()
    path.write_text('[data]\nsource = "train.jsonl"\n')
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.jsonl").write_text("{}")
    assert file.load(path).data.source == str(path.parent / "train.jsonl")
