"""Whatever is wrong with what a person gives it, the command line says so in one sentence each and ends with 1, or 2."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tui import console
from tui.__main__ import main
from tui.run import events
from tui.run.folder import create_run
from tui.session.file import from_table

GOOD_ROW = '{"prompt": "a", "completion": "b"}\n'


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Ask = Callable[..., Said]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Runs the command line in this process; an exception that it lets through fails the test."""

    def run(*words: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["unsloth-tui", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


def really(*words: object, **environment: str) -> Said:
    """The command line in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tui", *map(os.fsencode, map(str, words))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
        env=os.environ | environment,
    )
    assert "Traceback" not in done.stderr + done.stdout
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def session(tmp_path: Path, hollow_model: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a session that may be trained, but for what is changed."""
    model = hollow_model()
    (tmp_path / "train.jsonl").write_text(GOOD_ROW * 200)

    def write(model_name: object = model, source: object = "train.jsonl", more: str = "") -> Path:
        path = tmp_path / "session.toml"
        told = f"[model]\nname = {json.dumps(str(model_name))}\n[data]\nsource = {json.dumps(str(source))}\n{more}\n"
        path.write_text(told)
        return path

    return write


def refused(said: Said, *sentences: str, code: int = 1) -> None:
    """Nothing came out, and one sentence for each problem was said."""
    assert (said.code, said.out) == (code, "")
    assert said.err.splitlines() == [f"unsloth-tui: {sentence}" for sentence in sentences]


Session = Callable[..., Path]


def test_a_sound_session_is_passed(ask: Ask, session: Session) -> None:
    assert ask("check", session()) == Said(0, "", "nothing stands in the way of this session\n")


@pytest.mark.parametrize("command", ["start", "run"])
def test_every_problem_is_one_line_and_nothing_is_started(
    ask: Ask, session: Session, tmp_path: Path, home: Path, command: str
) -> None:
    said = ask(command, session(model_name="/no/such/model", source=tmp_path / "no.jsonl"))
    refused(said, "model.name: there is no folder /no/such/model", f"data.source: there is no file {tmp_path / 'no.jsonl'}")
    assert not home.exists()


def test_a_folder_that_is_no_model(ask: Ask, session: Session, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(
        ask("start", session(model_name="empty")), f"model.name: {tmp_path / 'empty'} is no model: it has no config.json"
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "train.jsonl is empty: there is not a single row in it"),
        (GOOD_ROW * 4 + '{"a"}\n', "train.jsonl, line 5: it is not JSON: Expecting ':' delimiter at column 5"),
        (GOOD_ROW * 250 + "{}\n", "train.jsonl, line 251: column 'prompt' is missing"),
        ('{"id": 1}\n{"id": 2}\n', "no row holds any text (columns: id)"),
        (
            '{"\\u001b[2J": "x", "b\\nc": "y", "d": "z"}\n',
            "no format fits these rows (columns: \\x1b[2J, b\\nc, d); set data.format to columns, "
            "and data.user and data.assistant to templates like {column}",
        ),
    ],
)
def test_data_that_cannot_be_trained_on(ask: Ask, session: Session, tmp_path: Path, content: str, said: str) -> None:
    path = session()
    (tmp_path / "train.jsonl").write_text(content)
    refused(ask("start", path), f"data.source: {said.replace('train.jsonl is', f'{tmp_path}/train.jsonl is')}")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[training]\nmax_step = 5", "training.max_step: there is no such key; did you mean training.max_steps?"),
        ("[training]\nmax_steps = 0", "training.max_steps: should be greater than or equal to 1, not 0"),
        ('[training]\nlearning_rate = "fast"', 'training.learning_rate: should be a number, not "fast"'),
        ("[lora]\nr = 1\nr = 2", "session.toml is not valid TOML: Cannot overwrite a value (at line 7, column 6)"),
        (
            '[training]\nlearning_rate = "a\\nb\\u001b[2J"\n"\\u001b]0;t\\u0007" = 1',
            'training.learning_rate: should be a number, not "a b [2J"',
        ),
    ],
)
def test_a_session_that_cannot_be_read(
    ask: Ask, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    told = ask("check", session(more=more).name)
    assert (told.code, told.err) == (1, "")
    assert told.out.splitlines()[0] == said
    assert all(char.isprintable() or char == "\n" for char in told.out)
    as_json = ask("check", "session.toml", "--json")
    assert as_json.code == 1
    assert all(json.loads(line)["blocking"] for line in as_json.out.splitlines())
    assert len(as_json.out.splitlines()) == len(told.out.splitlines())


def test_advice_does_not_stand_in_the_way(ask: Ask, session: Session) -> None:
    said = ask("check", session(more="[training]\nlearning_rate = 0.01"))
    assert (said.code, said.out) == (0, "advice: training.learning_rate: 0.01 is high for LoRA; 2e-4 is usual\n")


@pytest.mark.parametrize("words", [["check"], ["run"], ["start"], ["window"], []])
def test_a_missing_session_file_is_named(ask: Ask, tmp_path: Path, words: list[str]) -> None:
    said = ask(*words, tmp_path / "no.toml")
    assert (said.code, (said.out + said.err).removeprefix("unsloth-tui: ")) == (
        1,
        f"there is no file {tmp_path / 'no.toml'}\n",
    )


@pytest.mark.parametrize("command", ["watch", "stop", "attach"])
@pytest.mark.parametrize("name", ["nothing", "latest", "/tmp", ""])
def test_an_unknown_run(ask: Ask, command: str, name: str) -> None:
    refused(ask(command, name), f"there is no run {name}, or more than one; see: unsloth-tui runs")


def test_a_part_of_two_names_does_not_stop_either(ask: Ask) -> None:
    for _ in range(2):
        create_run(from_table({"run": {"name": "twin"}}))
    refused(ask("stop", "twin"), "there is no run twin, or more than one; see: unsloth-tui runs")


def test_a_run_that_has_ended_cannot_be_stopped(ask: Ask) -> None:
    folder = create_run(from_table({"run": {"name": "done"}}))
    folder.events.write_text(events.to_line(events.Finished(outcome="completed")))
    refused(ask("stop", "done"), f"{folder.name} is not running: it is finished")
    assert not folder.commands.exists()


def test_a_run_whose_session_was_damaged_is_said_to_be(ask: Ask) -> None:
    folder = create_run(from_table({"run": {"name": "old"}}))
    folder.session.write_text("[training]\nfrom_the_future = 1\n")
    said = ask("attach", "old")
    assert said.code == 1 and said.err.startswith("unsloth-tui: training.from_the_future: there is no such key; ")
    said = ask("chat", "old", "--prompt", "hi")
    assert said.code == 1 and said.err.startswith("unsloth-tui: training.from_the_future: there is no such key; ")


def test_a_run_is_listed_with_its_reason_on_one_line(ask: Ask) -> None:
    folder = create_run(from_table({"run": {"name": "bad"}}))
    folder.events.write_text(events.to_line(events.Failed(code="error", text="a\nb\x1b[2J")))
    said = ask("runs")
    assert (said.code, len(said.out.splitlines())) == (0, 1)
    assert said.out.split()[:2] == [folder.name, "failed"] and said.out.endswith("a b [2J\n")
    assert json.loads(ask("runs", "--json").out)["reason"] == "a\nb\x1b[2J"


@pytest.mark.parametrize(
    "words",
    [
        ["check"],
        ["check", "a", "b"],
        ["check", "a", "--nope"],
        ["demo", "--steps", "0"],
        ["stop"],
        ["--nope"],
        ["export", "x", "--checkpoint", "-1"],
    ],
)
def test_a_usage_error_ends_with_2(ask: Ask, words: list[str]) -> None:
    said = ask(*words)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Usage: unsloth-tui")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["nonsense"], "nonsense is neither a command nor a session file"),
        (["chek"], "chek is neither a command nor a session file; did you mean check?"),
        (["export", "done"], "say as what: --to adapter, merged-16bit, merged-4bit or gguf"),
        (["submit", "a.toml", "--to", "slurm", "--dry-run", "--yes"], "--dry-run submits nothing; leave out one of"),
        (["export", "done", "--to", "gguf", "--quant", "bogus"], "there is no quantisation bogus; known are "),
        (["export", "done", "--to", "adapter", "--quant", "q8_0"], "--quant is about gguf files; it needs --to gguf"),
        (["export", "done", "--to", "adapter", "--public"], "--public is about what is sent to the hub; it needs --push"),
        (["export", "done", "--to", "adapter", "--message", "hi"], "--message is about what is sent to the hub; it needs"),
        (["export", "done", "--to", "adapter", "--revision", "x"], "--revision is about what is sent to the hub; it needs"),
        (["export", "done", "--to", "gguf", "--base-model", "a/b"], "--base-model is about what is sent to the hub; it"),
        (["curve", "done", "--to", "x.pdf"], "the name has to end in .csv, .svg or .png"),
        (["chat", "done", "--temperature", "-1", "--prompt", "x"], "chat.temperature: should be"),
        (["inspect", "rows.jsonl", "--format", "bogus"], "data.format: should be"),
    ],
)
def test_a_command_line_that_cannot_be_meant_ends_with_2_and_one_sentence(ask: Ask, words: list[str], sentence: str) -> None:
    """A script tells a mistake of its own from a training that failed."""
    create_run(from_table({"run": {"name": "done"}}))
    said = ask(*words)
    assert (said.code, said.out, len(said.err.splitlines())) == (2, "", 1)
    assert said.err.startswith(f"unsloth-tui: {sentence}")


def test_ctrl_c_ends_a_watch_with_130_and_without_a_word_too_many(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def pressed(*_: object) -> Iterator[events.Event]:
        yield events.PhaseChanged(phase="training")
        raise KeyboardInterrupt

    folder = create_run(from_table({"run": {"name": "going on"}}))
    monkeypatch.setattr(console, "follow", pressed)
    said = ask("watch", "latest")
    assert (said.code, said.out) == (130, "training\n")
    assert said.err.split("; ")[0] == f"{folder.name} goes on"
    assert not folder.commands.exists()


# in a process of its own


def test_a_missing_model_and_a_bad_line_in_a_real_process(session: Session, tmp_path: Path) -> None:
    path = session(model_name="/no/such/model")
    (tmp_path / "train.jsonl").write_text(GOOD_ROW + "{oops\n")
    said = really("start", path)
    assert (said.code, said.out, len(said.err.splitlines())) == (1, "", 2)
    assert said.err.splitlines()[0] == "unsloth-tui: model.name: there is no folder /no/such/model"
    assert "train.jsonl, line 2: it is not JSON" in said.err


def test_without_runs_there_is_nothing_to_list() -> None:
    assert really("runs") == Said(0, "", "")


def test_the_window_says_that_it_needs_a_terminal() -> None:
    said = really("window")
    assert (said.code, said.out) == (1, "")
    assert said.err == "unsloth-tui: the window needs a terminal; see unsloth-tui --help for what works without one\n"


def test_a_usage_error_in_a_real_process() -> None:
    assert really("demo", "--steps", "many").code == 2


def test_a_home_that_cannot_be_written_to_is_named(session: Session, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = really("start", session(), UNSLOTH_TUI_HOME=str(tmp_path / "file"))
    assert said == Said(1, "", f"unsloth-tui: {tmp_path / 'file' / 'runs'}: Not a directory\n")


def test_a_file_name_that_is_not_text_does_not_break_the_answer(tmp_path: Path) -> None:
    for options in ([], ["--json"]):
        said = really("check", f"{tmp_path}/caf\udce9\x1b[2J.toml", *options, LANG="C.UTF-8", LC_ALL="C.UTF-8")
        assert said.code == 1
        assert "there is no file" in said.out and "\x1b" not in said.out


def test_a_reader_that_goes_away_is_no_traceback(tmp_path: Path) -> None:
    for number in range(3):
        create_run(from_table({"run": {"name": f"r{number}"}}))
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "tui", "runs"], stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")
