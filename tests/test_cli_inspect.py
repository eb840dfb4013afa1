"""Without a window, `inspect` says what a dataset holds, what is wrong with it and where, and writes it into a session."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab import Lab
from tui.__main__ import main
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]

Inspect = Callable[..., tuple[int, str, str]]


@pytest.fixture
def inspect(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> Inspect:
    """Runs `unsloth-tui inspect` here; gives its exit code and what it printed."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["unsloth-tui", "inspect", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_sound_data_is_called_sound(inspect: Inspect, samples: Path) -> None:
    code, out, _ = inspect(samples / "alpaca.json")
    assert code == 0
    assert "alpaca: columns 'instruction', 'input' and 'output'" in out
    assert "16 rows, 16 usable" in out


def test_each_bad_row_is_named_and_the_exit_code_says_so(inspect: Inspect, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "a", "completion": "b"}\n' * 3 + 'oops\n{"prompt": "\x1b[31m"}\n'.replace("\x1b", "\\u001b"))
    code, out, _ = inspect(path)
    assert code == 1
    assert "wrong: Rows that cannot be read (1)" in out
    assert "bad.jsonl, line 4: it is not JSON" in out
    assert "bad.jsonl, line 5: column 'completion' is missing" in out
    assert "\x1b" not in out


def test_json_is_one_object_that_programs_can_rely_on(inspect: Inspect, samples: Path) -> None:
    code, out, _ = inspect(samples / "sharegpt.jsonl", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["reading"]["format"] == "sharegpt"
    assert told["lint"]["rows"] == told["lint"]["usable"] == 14
    assert told["tokens"] is None


@pytest.mark.parametrize(
    ("words", "ends_with", "complaint"),
    [
        (("no-such.jsonl",), 1, "there is no file"),
        (("data.csv", "--format", "poem"), 2, "data.format"),
        (("data.csv", "--split", "train[a]"), 2, "data.split"),
        (("data.csv", "--format", "sharegpt"), 1, "does not fit"),
    ],
)
def test_what_cannot_be_looked_at_is_said_in_a_sentence(
    inspect: Inspect,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    ends_with: int,
    complaint: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("prompt,completion\na,b\n")
    code, out, err = inspect(*words)
    assert (code, out) == (ends_with, "")
    assert complaint in err and "Traceback" not in err


def test_the_data_of_a_session_is_written_and_the_rest_of_it_kept(inspect: Inspect, samples: Path, tmp_path: Path) -> None:
    there = tmp_path / "mine.toml"
    there.write_text("[model]\nmax_seq_length = 64  # mine\n[lora]\nr = 4\n")
    code, _, _ = inspect(samples / "prompt_completion.csv", "--split", "train[:5]", "--write", there)
    written = file.load(there)
    assert code == 0
    assert (written.model.max_seq_length, written.lora.r) == (64, 4) and "= 64  # mine" in there.read_text()
    assert (written.data.source, written.data.split) == (str(samples / "prompt_completion.csv"), "train[:5]")
    assert "5 rows" in inspect(there)[1]


WRITES_ALL = (
    "{% if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{{ m.reasoning_content or '' }}{{ m.content }}{{ m.tool_calls | tojson if m.tool_calls else '' }}{{ '<|im_end|>\n' }}"
    "{% endfor %}"
)


@pytest.mark.slow
@pytest.mark.usefixtures("entered")
def test_what_the_chat_template_leaves_out_of_a_conversation_is_said(
    inspect: Inspect, samples: Path, lab: Lab, tmp_path: Path
) -> None:
    (tmp_path / "all.jinja").write_text(WRITES_ALL)
    for name, left_out in (("tool_calls.jsonl", "whose tool calls"), ("reasoning.jsonl", "whose thinking")):
        path = tmp_path / "session.toml"
        file.save(lab.session(data={"source": str(samples / name)}), path)
        _, out, _ = inspect(path)
        assert f"{left_out} the chat template does not write" in out
        file.save(lab.session(data={"source": str(samples / name), "chat_template": str(tmp_path / "all.jinja")}), path)
        assert "does not write" not in inspect(path)[1]
    (tmp_path / "tools.jinja").write_text(WRITES_ALL.replace("m.tool_calls | tojson if m.tool_calls else", ""))
    told = {"source": str(samples / "tool_calls.jsonl"), "chat_template": str(tmp_path / "tools.jinja")}
    file.save(lab.session(data=told), path)
    _, out, _ = inspect(path)
    assert "whose tool calls the chat template does not write" in out and "whose tools the" not in out


@pytest.mark.slow
@pytest.mark.usefixtures("entered")
def test_with_a_model_the_tokens_are_counted_and_kept_for_the_run(inspect: Inspect, samples: Path, lab: Lab) -> None:
    code, out, _ = inspect(samples / "shell" / "heldout.jsonl", "--model", lab.model, "--json")
    tokens = json.loads(out)["tokens"]
    assert code == 0
    assert tokens["used"] == tokens["rows_read"] > 0
    assert 0 < tokens["learned_share"] < 1
    assert tokens["end_share"] == 1 and tokens["end_token"] == "<|im_end|>"
