"""A chat on the command line refuses what cannot be talked to before anything is loaded."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.__main__ import main
from tui.chat_console import printable
from tui.run.folder import create_run
from tui.session.file import from_table

Refused = Callable[..., str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Refused:
    """What ``chat`` says that ends with 1, or another code, and starts no engine."""

    def run(*words: object, stdin: str = "", code: int = 1) -> str:
        monkeypatch.setattr(sys, "argv", ["unsloth-tui", "chat", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (code, "")
        assert not (home / "workbench").exists()
        return said.err

    return run


def test_a_name_that_means_nothing(refused: Refused) -> None:
    assert "there is no run nothing" in refused("nothing", "--prompt", "hi")


def test_a_checkpoint_that_is_not_there_is_refused_with_those_that_are(refused: Refused) -> None:
    folder = create_run(from_table({"run": {"name": "learned"}}))
    assert "has no checkpoint 7; it has none" in refused("learned", "--checkpoint", 7, "--prompt", "hi")
    for step in (10, 9, 100):
        (folder.checkpoints / f"checkpoint-{step}").mkdir(parents=True)
    assert "it has 9, 10, 100" in refused("learned", "--checkpoint", 7, "--prompt", "hi")


def test_a_model_has_no_checkpoints(refused: Refused) -> None:
    assert "owner/model is no run" in refused("owner/model", "--checkpoint", 7, "--prompt", "hi")


def test_an_empty_stdin_is_nothing_to_say(refused: Refused) -> None:
    assert "stdin is empty" in refused("owner/model", stdin=" \n")


def test_what_is_no_setting_is_refused_by_its_key(refused: Refused) -> None:
    assert "model.device" in refused("owner/model", "--prompt", "hi", "--device", "fastest", code=2)
    assert "chat.temperature" in refused("owner/model", "--prompt", "hi", "--temperature", "-1", code=2)


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x1b]52;c;aGk=\x07", "\x9b1m", "\u202e", "\r", "\x00"])
def test_what_a_model_says_cannot_steer_the_terminal(hostile: str) -> None:
    shown = printable(f"a{hostile}b\tc\n日本語 שלום")
    assert shown.startswith("a") and shown.endswith("b\tc\n日本語 שלום")
    assert all(char.isprintable() or char in "\n\t" for char in shown)


@pytest.mark.parametrize("told", ["«\u00a0oui\u00a0»", "東京\u3000大阪", "می\u200cخواهم", "👩\u200d💻 ❤\ufe0f"])
def test_what_a_model_says_in_any_script_is_shown_as_it_is(told: str) -> None:
    assert printable(told) == told
