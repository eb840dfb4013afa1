"""A chat on the command line refuses what cannot be talked to before anything is loaded."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tui import chat_console
from tui.__main__ import main
from tui.chat_console import printable
from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.session.file import from_table

Refused = Callable[..., str]
Heard = tuple[int, list[str], str]
"""The exit code, the voices that answered, and what was said on stderr."""


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


def test_a_model_without_an_adapter_is_not_compared_with_itself(refused: Refused, hollow_model: Callable[..., Path]) -> None:
    model = hollow_model()
    sentence = "has no adapter to compare with; leave out --compare\n"
    assert refused(model, "--compare", "--prompt", "hi") == f"unsloth-tui: {model} {sentence}"
    trained_in_full = create_run(from_table({"run": {"name": "full"}}))
    trained_in_full.adapter.mkdir()
    assert refused("full", "--compare", "--prompt", "hi") == f"unsloth-tui: full {sentence}"


@pytest.fixture
def hear(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Heard]:
    """How a chat ends and what it prints, when an engine loads a model and answers each voice with a word."""

    def run(*words: object, has_base: bool) -> Heard:
        def answer(_: RunFolder, chat: commands.Chat) -> Iterator[events.Event]:
            yield events.ModelReady(model="m", has_base=has_base)
            yield from (events.Replied(id=chat.id, voice=it.voice, text="yes", done=True) for it in chat.speakers)

        monkeypatch.setattr(chat_console, "ask", answer)
        monkeypatch.setattr(chat_console, "open_workbench", lambda _: RunFolder(tmp_path))
        monkeypatch.setattr(chat_console, "engine_for", lambda run: (RunFolder(tmp_path), str(run.path)))
        monkeypatch.setattr(sys, "argv", ["unsloth-tui", "chat", *map(str, words), "--prompt", "hi", "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), [json.loads(line)["voice"] for line in said.out.splitlines()], said.err

    return run


def test_a_model_on_the_hub_is_not_compared_with_itself_once_it_is_known_to_be_plain(hear: Callable[..., Heard]) -> None:
    assert hear("owner/model", "--compare", has_base=True) == (0, ["base", "tuned"], "")
    code, voices, said = hear("owner/model", "--compare", has_base=False)
    assert (code, voices) == (1, []) and "owner/model has no adapter to compare with" in said


def test_a_script_is_told_whether_a_base_model_or_a_tuned_one_has_answered(hear: Callable[..., Heard]) -> None:
    create_run(from_table({"run": {"name": "full"}}))
    assert hear("owner/model", has_base=False) == (0, ["base"], "")
    assert hear("owner/adapter", has_base=True) == hear("full", has_base=False) == (0, ["tuned"], "")


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x1b]52;c;aGk=\x07", "\x9b1m", "\u202e", "\r", "\x00"])
def test_what_a_model_says_cannot_steer_the_terminal(hostile: str) -> None:
    shown = printable(f"a{hostile}b\tc\n日本語 שלום")
    assert shown.startswith("a") and shown.endswith("b\tc\n日本語 שלום")
    assert all(char.isprintable() or char in "\n\t" for char in shown)


@pytest.mark.parametrize("told", ["«\u00a0oui\u00a0»", "東京\u3000大阪", "می\u200cخواهم", "👩\u200d💻 ❤\ufe0f"])
def test_what_a_model_says_in_any_script_is_shown_as_it_is(told: str) -> None:
    assert printable(told) == told
