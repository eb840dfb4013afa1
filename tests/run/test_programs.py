"""Code, packages and programs that a session names are looked for before the run needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui.machine.llama_cpp import LLAMA_CPP, llama_cpp_folder
from tui.machine.readings import GpuReading
from tui.run import programs
from tui.run.programs import missing
from tui.session.file import from_table, replace_values
from tui.session.problem import Problem


def needed(**sections: dict[str, Any]) -> list[Problem]:
    """What is missing; where something is offered, it mends it."""
    session = from_table(sections)
    problems = list(missing(session))
    for problem in problems:
        if problem.mend:
            assert list(missing(replace_values(session, problem.mend))) == [other for other in problems if other != problem]
    return problems


def test_a_session_that_names_nothing_needs_nothing() -> None:
    assert needed() == []


# a loss of one's own


def loss(path: Path, function: str = "f") -> str:
    """What is wrong with a loss, or nothing."""
    problems = needed(training={"custom_loss": f"{path}:{function}"})
    assert all((problem.key, problem.blocking) == ("training.custom_loss", True) for problem in problems)
    return "; ".join(problem.text for problem in problems)


@pytest.fixture
def code(tmp_path: Path) -> Path:
    return tmp_path / "loss.py"


@pytest.mark.parametrize(
    "text",
    [
        "def f(outputs, labels, num_items_in_batch=None): ...",
        "f = lambda outputs, labels, num_items_in_batch=None: 0",
        "import functools\ndef g(*_): ...\nf = functools.partial(g, 1)",
        "g = f = print",
        "class f:\n    pass\n\ndef f(*_): ...",
        "\ufeffdef f(*_): ...",
        "# -*- coding: utf-8 -*-\r\ndef f(*_):\r\n    return 'ü'\r\n",
    ],
)
def test_a_function_or_whatever_can_be_called_is_found(code: Path, text: str) -> None:
    code.write_bytes(text.encode())
    assert loss(code) == ""


def test_a_loss_in_the_home_folder_is_found() -> None:
    (Path.home() / "loss.py").write_text("def f(*_): ...")
    assert loss(Path("~/loss.py")) == ""


@pytest.mark.parametrize(
    "text",
    [
        "from math import exp as f",
        "try:\n    from fast import f\nexcept ImportError:\n    def f(*_): ...",
        "from collections.abc import Callable\nf: Callable = lambda *_: 0",
    ],
)
def test_a_function_that_python_would_find_is_not_missed(code: Path, text: str) -> None:
    code.write_text(text)
    assert loss(code) == ""


def test_the_file_of_a_loss_must_be_there(code: Path) -> None:
    assert loss(code) == f"{code} cannot be read: No such file or directory"


def test_a_folder_is_no_loss(code: Path) -> None:
    code.mkdir()
    assert loss(code) == f"{code} cannot be read: Is a directory"


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x.py", "/" + "x" * 5000 + ".py", "/a\0b.py"])
def test_a_name_that_no_file_can_have_is_refused(name: str) -> None:
    assert loss(Path(name)).startswith(name)


@pytest.mark.parametrize(
    "content",
    [
        b"def f(:",
        b"\xff\xfe",
        b"def f():\n\treturn 1\n        return 2",
        b"\0",
        b"(" * 3000,
        b"-" * 200_000 + b"1",
        b"x." * 200_000 + b"x",
    ],
)
def test_what_is_not_python_is_refused_however_long(code: Path, content: bytes) -> None:
    code.write_bytes(content)
    assert loss(code).startswith(f"{code} is not Python: ")


def test_a_function_that_is_not_there_is_told_from_those_that_are(code: Path) -> None:
    code.write_text("import os\ndef g(): ...\ndef h():\n    def f(): ...\nclass K:\n    def f(self): ...\n")
    assert loss(code) == f"{code} has no function f; it has g, h"
    code.write_text("")
    assert loss(code) == f"{code} has no function f; it has none"


def test_the_code_is_looked_at_and_not_run(code: Path, tmp_path: Path) -> None:
    code.write_text(f"open({str(tmp_path / 'touched')!r}, 'w')\ndef f(*_): ...")
    assert loss(code) == ""
    assert not (tmp_path / "touched").exists()


# packages and programs


def test_a_reporter_that_is_not_installed_is_named() -> None:
    (problem,) = needed(training={"report_to": "clearml"})
    assert (problem.key, problem.blocking, problem.mend) == ("training.report_to", True, {"training.report_to": "none"})
    assert problem.text == "the package clearml is not installed here; install it beside unsloth-tui"


def test_a_reporter_that_is_installed_is_not_complained_about(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clearml").mkdir()
    (tmp_path / "clearml" / "__init__.py").write_text("raise RuntimeError('it is looked for, not imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert needed(training={"report_to": "clearml"}) == []


@pytest.mark.parametrize("name", ["no-such-program", "/no/such/program", "", "a\0b", "/", "x" * 5000])
def test_a_program_to_be_called_at_the_end_must_be_there(name: str) -> None:
    (problem,) = needed(run={"notify": [name, "done"]})
    assert (problem.key, problem.text, problem.blocking) == ("run.notify", f"there is no program {name}", True)


def test_a_program_that_is_there_may_be_called() -> None:
    assert needed(run={"notify": ["true", "done"]}) == []
    assert needed(run={"notify": ["/bin/sh"]}) == []


# llama.cpp


@pytest.fixture
def without_llama_cpp(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("UNSLOTH_LLAMA_CPP_PATH", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def quantiser(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "llama-quantize").write_text("#!/bin/sh\n")
    (folder / "llama-quantize").chmod(0o755)
    return folder


@pytest.mark.usefixtures("without_llama_cpp")
def test_without_llama_cpp_gguf_is_refused_unless_unsloth_may_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = needed(export={"kinds": ["gguf", "merged-16bit"]})
    assert (problem.key, problem.blocking) == ("export.kinds", True)
    assert dict(problem.mend) == {"export.kinds": ("merged-16bit",)}
    assert "UNSLOTH_LLAMA_CPP_PATH" in problem.text
    monkeypatch.setenv("UNSLOTH_AUTO_INSTALL", "1")
    assert needed(export={"kinds": ["gguf"]}) == []
    monkeypatch.delenv("UNSLOTH_AUTO_INSTALL")
    assert needed(export={"kinds": ["merged-16bit"]}) == []


@pytest.mark.usefixtures("without_llama_cpp")
@pytest.mark.parametrize("where", ["variable", "home"])
def test_llama_cpp_is_found_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("UNSLOTH_LLAMA_CPP_PATH", str(tmp_path / "mine"))
    assert llama_cpp_folder() is None
    places = {"variable": tmp_path / "mine", "home": LLAMA_CPP.expanduser()}
    quantiser(places[where])
    assert llama_cpp_folder() is not None
    assert needed(export={"kinds": ["gguf"]}) == []


# GPUs


def device(monkeypatch: pytest.MonkeyPatch, count: int, device: str) -> list[str]:
    monkeypatch.setattr(programs, "read_gpus", lambda: tuple(GpuReading(index, "GPU") for index in range(count)))
    problems = needed(model={"device": device})
    assert all((problem.key, problem.blocking) == ("model.device", True) for problem in problems)
    return [problem.text for problem in problems]


@pytest.mark.parametrize("told", ["auto", "cpu", "0", "1", "0,1", "1,0", "GPU-0b1a", "MIG-x/1/2"])
def test_a_gpu_that_is_there_may_be_named(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    assert device(monkeypatch, 2, told) == []


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device(monkeypatch, 2, "2") == ["there is no GPU 2: this box has 2, counted from 0"]
    assert device(monkeypatch, 2, "0,2,7") == ["there is no GPU 2, 7: this box has 2, counted from 0"]
    assert device(monkeypatch, 0, "0") == ["there is no GPU 0: this box has none"]
    (said,) = device(monkeypatch, 1, "9" * 5000)
    assert said.startswith("there is no GPU 999")
