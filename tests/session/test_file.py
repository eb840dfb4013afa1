"""A session survives being saved, and every way in which its file can be wrong is told in words."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.strategies import PATTERNED, SPECS, few_changes, limits, tables
from tui.session import drafts, file
from tui.session.checks import check
from tui.session.desk import Desk
from tui.session.file import SessionError
from tui.session.schema import Session
from tui.session.sections.model import PRECISIONS


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


@given(tables(), tables(), st.booleans(), st.booleans())
def test_a_file_that_is_saved_again_holds_the_new_values_and_every_line_that_somebody_put_between_them(
    tmp_path: Path, before: dict[str, Any], after: dict[str, Any], elsewhere: bool, nested: bool
) -> None:
    origin, path = tmp_path / "session.toml", tmp_path / ("copy.toml" if elsewhere else "session.toml")
    flat = {section: {name: it for name, it in told.items() if not isinstance(it, dict)} for section, told in before.items()}
    over = r"(?m)^(?=\[\w+\])" if nested else r"(?m)^(?=\w+ = |\[\w+\])"  # what stands in a table goes with it
    told, count = re.subn(over, "# a word of mine\n", file.dumps(file.from_table(before if nested else flat)))
    origin.write_text(told)
    session = file.from_table(after)
    file.save(session, path, origin)
    assert file.load(path) == file.anchored(session, tmp_path)
    assert path.read_text().splitlines().count("# a word of mine") == count


def test_what_was_not_changed_stays_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    told = '# ours\n[training]\nlearning_rate = 1e-3 # slow\nmax_steps = 60\n\n[model]\nname = "a/b"\n'
    told += '[data]\nsource = "rows.jsonl"\n\n# how it is chosen\n[evaluation]\nsample_steps = 10\n'
    path = tmp_path / "session.toml"
    path.write_text(told)
    desk = Desk()
    desk.open(file.load(path), path)
    desk.replace(file.replace_values(desk.session, {"training.max_steps": 30, "data.split": "train[:10]"}))
    desk.save(path)
    assert path.read_text() == told.replace("60", "30").replace('.jsonl"\n', '.jsonl"\nsplit = "train[:10]"\n')
    (tmp_path / "elsewhere").mkdir()
    desk.save(tmp_path / "elsewhere" / "copy.toml")
    copy = (tmp_path / "elsewhere" / "copy.toml").read_text()
    assert copy == path.read_text().replace("rows.jsonl", str(tmp_path / "rows.jsonl"))


def test_a_table_in_a_table_is_changed_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "session.toml"
    path.write_text('[data.roles]\nhuman = "user" # theirs\nbot = "assistant"\n\n# ours\n[lora]\nr = 8\n')
    file.save(file.replace_value(file.load(path), "data.roles", {"human": "user", "gpt": "assistant"}), path, path)
    assert path.read_text() == '[data.roles]\nhuman = "user" # theirs\ngpt = "assistant"\n\n# ours\n[lora]\nr = 8\n'


def test_the_line_ends_of_windows_stay_and_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    real.write_bytes(b"[lora] # ours\r\nr = 8\r\n")
    link.symlink_to(real)
    file.save(file.replace_value(file.load(link), "lora.r", 9), link, link)
    assert link.is_symlink() and real.read_bytes() == b"[lora] # ours\r\nr = 9\r\n"


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
        ("[run]\nzzz = 1", "run.zzz", "there is no such key; known here: name, notes, tags, notify, webhook"),
        ("[training]\nmax_steps = 0", "training.max_steps", "should be greater than or equal to 1, not 0"),
        ('[training]\nlearning_rate = "fast"', "training.learning_rate", 'should be a number, not "fast"'),
        ("[training]\nlearning_rate = 0", "training.learning_rate", "should be greater than 0, not 0"),
        ("[training]\nlearning_rate = nan", "training.learning_rate", "should be a finite number, not nan"),
        ("[lora]\nlora_dropout = 1.0", "lora.lora_dropout", "should be less than 1, not 1.0"),
        ("[lora]\nr = []", "lora.r", "should be a number, not []"),
        ("[model]\nload_in_4bit = 5", "model.load_in_4bit", "should be a valid boolean, unable to interpret input, not 5"),
        ("[model]\nname = 5", "model.name", "should be a valid string, not 5"),
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


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('[export]\nkinds = "gguf"', "export.kinds", 'should be a list, not "gguf"'),
        ("[export]\nkinds = { gguf = true }", "export.kinds", "should be a list, not {'gguf': True}"),
        ("[run]\ntags = 5", "run.tags", "should be a list, not 5"),
        ("[run]\ntags = true", "run.tags", "should be a list, not True"),
        ('[run]\ntags = ["a", 5]', "run.tags.1", "should be a valid string, not 5"),
        (
            '[export]\nkinds = ["ggml"]',
            "export.kinds.0",
            "should be 'merged-16bit', 'merged-4bit' or 'gguf', not \"ggml\"",
        ),
        ("[lora]\ntarget_modules = []", "lora.target_modules", "should have at least 1 item, not []"),
        ("[training]\nlr_scheduler_kwargs = [1]", "training.lr_scheduler_kwargs", "should be a table, not [1]"),
        ('[lora]\nloftq_config = "4"', "lora.loftq_config", 'should be a table, not "4"'),
        ("[model]\nrope_scaling = true", "model.rope_scaling", "should be a table, not True"),
        ("[model]\nrope_scaling = 2.0", "model.rope_scaling", "should be a table, not 2.0"),
        (
            "[model]\nrope_scaling = { factor = 9_223_372_036_854_775_808 }",
            "model.rope_scaling",
            "should be less than 2**63, not {'factor': 9223372036854775808}",
        ),
    ],
)
def test_a_list_or_table_of_the_wrong_kind_is_said_in_words(text: str, key: str, said: str) -> None:
    assert problems(text) == {key: said}


@pytest.mark.parametrize("value", ["[1]", "{ a = 1 }", "1979-05-27"])
def test_what_no_setting_can_be_is_one_problem_at_its_key(value: str) -> None:
    """Rather than one for each kind that it is not."""
    told = problems(f"[training]\nlr_scheduler_kwargs = {{ min_lr = {value} }}")
    assert list(told) == ["training.lr_scheduler_kwargs.min_lr"]


@pytest.mark.parametrize("value", ["true", "3", "-0.5", '"linear"'])
def test_a_setting_may_be_a_switch_a_number_or_a_word_and_stays_what_it_is(value: str) -> None:
    session = file.parse(f"[model]\nrope_scaling = {{ x = {value} }}")
    again = file.parse(file.dumps(session)).model.rope_scaling
    assert again == session.model.rope_scaling and again is not None
    assert [type(item) for item in again.values()] == [{"t": bool, "3": int, "-": float, '"': str}[value[0]]]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model.device", "gpu", "should be like auto, cpu, 0, or 0,1"),
        ("model.device", "0, 1", "should be like auto, cpu, 0, or 0,1"),
        ("model.device", "", "should be like auto, cpu, 0, or 0,1"),
        ("training.custom_loss", "loss.py", "should be like folder/file.py:function"),
        ("training.custom_loss", "loss:f", "should be like folder/file.py:function"),
        ("training.custom_loss", "loss.py:2f", "should be like folder/file.py:function"),
        ("evaluation.metric_for_best_model", "loss", "should be like eval_loss"),
    ],
)
def test_what_a_pattern_asks_for_is_said_in_words(key: str, value: str, said: str) -> None:
    section, _, name = key.partition(".")
    assert problems(f'[{section}]\n{name} = "{value}"') == {key: f'{said}, not "{value}"'}


def test_every_pattern_has_words_for_it() -> None:
    patterned = [key for key in SPECS if "pattern" in limits(key)]
    assert sorted(patterned) == sorted(PATTERNED)
    for key in patterned:
        assert SPECS[key].bounds, key


# what follows from what is said


@pytest.mark.parametrize(
    ("told", "on"),
    [
        ("", ["load_in_4bit"]),
        ("load_in_4bit = true", ["load_in_4bit"]),
        ("load_in_4bit = false", ["load_in_16bit"]),
        ("load_in_8bit = true", ["load_in_8bit"]),
        ("load_in_16bit = true", ["load_in_16bit"]),
        ("full_finetuning = true", ["full_finetuning"]),
        ("load_in_4bit = false\nload_in_8bit = true", ["load_in_8bit"]),
        ("load_in_4bit = false\nfull_finetuning = true", ["full_finetuning"]),
        ("load_in_8bit = false", ["load_in_4bit"]),
        ("load_in_16bit = false", ["load_in_4bit"]),
        ("load_in_4bit = true\nload_in_16bit = false", ["load_in_4bit"]),
        # said by the user, so left as they are: a check says that they cannot both be
        ("load_in_4bit = true\nload_in_8bit = true", ["load_in_4bit", "load_in_8bit"]),
        ("load_in_4bit = true\nfull_finetuning = true", ["load_in_4bit", "full_finetuning"]),
        ("load_in_8bit = true\nload_in_16bit = true", ["load_in_8bit", "load_in_16bit"]),
    ],
)
def test_one_precision_asked_for_switches_the_others_off(told: str, on: list[str]) -> None:
    session = file.parse(f"[model]\n{told}")
    assert [name for name in PRECISIONS if getattr(session.model, name)] == on
    assert file.parse(file.dumps(session)) == file.parse(file.dumps(session, defaults=True)) == session


@pytest.mark.parametrize("name", PRECISIONS)
def test_a_precision_written_by_the_program_is_read_as_the_same(name: str) -> None:
    """Only what differs from the defaults is written, and what is left out follows from it."""
    session = file.replace_values(Session(), {f"model.{other}": other == name for other in PRECISIONS})
    again = file.parse(file.dumps(session))
    assert again == session and [other for other in PRECISIONS if getattr(again.model, other)] == [name]


@pytest.mark.parametrize(
    ("told", "strategy"),
    [
        ("", "epoch"),
        ("eval_steps = 5", "steps"),
        ('eval_steps = 5\neval_strategy = "epoch"', "epoch"),
        ('eval_steps = 5\neval_strategy = "no"', "no"),
        ('eval_strategy = "steps"', "steps"),
    ],
)
def test_a_number_of_updates_between_evaluations_means_by_updates(told: str, strategy: str) -> None:
    session = file.parse(f"[evaluation]\n{told}")
    assert session.evaluation.eval_strategy == strategy
    assert file.parse(file.dumps(session)) == session


def test_evaluations_by_updates_are_switched_off_with_their_number() -> None:
    session = file.replace_value(file.parse("[evaluation]\neval_steps = 5"), "evaluation.eval_steps", None)
    assert file.parse(file.dumps(session)) == session


# the version of the file


@pytest.mark.parametrize("told", ["", f"version = {file.VERSION}\n"])
def test_a_file_of_this_version_or_without_one_is_read(told: str) -> None:
    assert file.parse(f"{told}[run]\nname = 'a'").run.name == "a"


def test_the_version_is_written() -> None:
    assert file.dumps(Session()).startswith(f"version = {file.VERSION}\n")


def test_a_newer_file_is_refused_in_one_sentence_that_names_it(tmp_path: Path) -> None:
    """Its unknown keys would say nothing of the kind."""
    path = tmp_path / "s.toml"
    path.write_text("version = 2\n[training]\nfrom_the_future = 1\n")
    with pytest.raises(SessionError) as caught:
        file.load(path)
    (problem,) = caught.value.problems
    assert problem.key == "version" and problem.blocking
    assert problem.text == f"{path} was written by a newer unsloth-tui (version 2 of the file; this one reads 1)"


@pytest.mark.parametrize("value", ['"1"', "true", "false", "1.0", "[1]", "{ a = 1 }", "1979-05-27", "nan"])
def test_a_version_that_is_no_whole_number_is_refused(value: str) -> None:
    ((key, said),) = problems(f"version = {value}").items()
    assert key == "version" and said.startswith("should be a whole number, not ")


# many at once


def test_every_problem_is_named_at_once() -> None:
    told = problems('top = 1\n[training]\nmax_steps = 0\nlearning_rate = "fast"\nlerning_rate = 1\n[lora]\nr = 0')
    assert set(told) == {"top", "training.max_steps", "training.learning_rate", "training.lerning_rate", "lora.r"}


def test_a_long_wrong_value_is_cut_in_the_complaint() -> None:
    (said,) = problems(f'[training]\nlearning_rate = "{"x" * 5000}"').values()
    assert len(said) < 120


@pytest.mark.parametrize("key", [*SPECS])
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


@pytest.mark.parametrize("nonsense", [b"# \n", b"[", b"\0", b"\xff", b"a = 1\n", b"[a]\n", b"'"])
def test_megabytes_are_no_session(tmp_path: Path, nonsense: bytes) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes((nonsense * (5_000_000 // len(nonsense) + 1))[:5_000_000])
    assert refusal(path) == f"{path} is too large to be a session file"


def test_the_largest_session_is_read_in_no_time(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    text = "[run]\nnotes = '" + "x" * (file.MAX_BYTES - 20)
    path.write_text(f"{text}'\n")
    assert len(file.load(path).run.notes) == file.MAX_BYTES - 20


@pytest.mark.parametrize("reason", ["Permission denied", "Input/output error"])
def test_a_file_that_may_not_be_read_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text("")

    def fails(*_: object, **__: object) -> None:
        raise OSError(13, reason)

    monkeypatch.setattr(Path, "open", fails)
    assert refusal(path) == f"{path} cannot be read: {reason}"


def test_a_session_that_another_program_writes_is_read_from_its_pipe(tmp_path: Path) -> None:
    """As ``unsloth-tui check <(make-session)`` gives it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("[training]\nmax_steps = 7\n",))
    writer.start()
    assert file.load(path).training.max_steps == 7
    writer.join()


@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_marks_of_every_system_are_read(tmp_path: Path, end: str, mark: str) -> None:
    path = tmp_path / "s.toml"
    text = f'{mark}[run]{end}notes = """{end}two{end}lines"""{end}'
    path.write_bytes(text.encode())
    assert file.load(path).run.notes == "two\nlines"


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


def lines_of(table: dict[str, Any]) -> list[str]:
    return file.dumps(file.from_table(table), defaults=True).splitlines(keepends=True)


@settings(max_examples=150)
@given(few_changes(), st.data())
def test_no_line_lost_doubled_moved_or_changed_raises_anything_but_a_session_error(table: Any, data: st.DataObject) -> None:
    lines = lines_of(table)
    for _ in range(data.draw(st.integers(1, 4))):
        at, other = (data.draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        match data.draw(st.sampled_from(["delete", "double", "swap", "value", "flip"])):
            case "delete":
                del lines[at]
            case "double":
                lines.insert(other, lines[at])
            case "swap":
                lines[at], lines[other] = lines[other], lines[at]
            case "value":
                wrong = data.draw(
                    st.sampled_from(["true", "-1", "0.5", "nan", "inf", "''", "[]", "{}", "[{}]", "1979-05-27"])
                )
                lines[at] = f"{lines[at].partition(' = ')[0].strip()} = {wrong}\n"
            case "flip":
                position = data.draw(st.integers(0, max(0, len(lines[at]) - 1)))
                lines[at] = lines[at][:position] + data.draw(st.characters()) + lines[at][position + 1 :]
    try:
        session = file.parse("".join(lines))
    except SessionError as error:
        assert error.problems and all(problem.text and problem.blocking for problem in error.problems)
    else:
        check(session)
        assert file.parse(file.dumps(session)) == session


@given(st.sampled_from([*SPECS]), st.sampled_from(NASTY) | st.text(max_size=20))
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


def test_code_and_adapters_are_found_beside_the_session_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine works in the folder of its run: a path that is not made whole would lead nowhere."""
    (tmp_path / "runs" / "old" / "adapter").mkdir(parents=True)
    (tmp_path / "loss.py").write_text("def f(*_): ...")
    (tmp_path / "s.toml").write_text('[lora]\ncontinue_from = "runs/old"\n[training]\ncustom_loss = "loss.py:f"\n')
    monkeypatch.chdir("/")
    session = file.load(tmp_path / "s.toml")
    assert session.lora.continue_from == str(tmp_path / "runs" / "old")
    assert session.training.custom_loss == f"{tmp_path / 'loss.py'}:f"


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


def test_a_draft_that_another_window_has_just_dropped_is_no_error(home: Path) -> None:
    drafts.folder().mkdir(parents=True)
    (drafts.folder() / "1-1.toml").symlink_to("nowhere")
    assert file.load(drafts.keep_draft(Session(), None)) == Session()
