"""Tokens and passwords get in by the doors that are made for them, and are found nowhere afterwards."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.lab import UNSLOTH_TUI, Lab, ended, in_phase, poll, wait_for
from tui.catalog.token import token_source
from tui.run.comparing import Compared, settings
from tui.run.fit_events import Fitted, Trial
from tui.run.fits import keep, kept
from tui.run.state import RunState
from tui.run.watcher import read_state
from tui.session import file
from tui.session.diff import differences
from tui.session.presets import save_preset

pytest_plugins = ["tests.engine_fixtures"]

MARK = "MARKEDsecret0123456789abcdef"
TOKEN = f"hf_{MARK}"
PASTED = {
    "model.name": [f"https://ada:{MARK}@hub.example.com/owner/model", TOKEN],
    "data.source": [f"https://ada:{MARK}@example.com/rows.jsonl"],
    "run.notes": [f"my token is {TOKEN}"],
    "run.webhook": [f"https://ada:{MARK}@hooks.example.com/x"],
    "run.tags": [["a", TOKEN]],
    "training.project": [TOKEN],
    "chat.system_prompt": [f"sk-{MARK}"],
    "model.rope_scaling": [{"type": TOKEN}],
}
"""Keys of a session into which somebody might paste one."""


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in PASTED.items() for value in values])
def test_a_session_takes_no_secret_and_the_complaint_does_not_repeat_it(
    key: str, value: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    section, _, name = key.partition(".")
    path = tmp_path / "session.toml"
    path.write_text(file.to_toml({section: {name: value}}))
    with pytest.raises(file.SessionError) as caught:
        file.load(path)
    assert [problem.key.rpartition(".")[0] or problem.key for problem in caught.value.problems]
    assert key in str(caught.value) and MARK not in str(caught.value)


def test_what_only_looks_a_little_like_a_secret_is_taken() -> None:
    for value in ("https://example.com/a:b", "hf_small", "owner/hf_model-name", "a@b.c", "http://x.y/z?a=b:c@d", "0" * 40):
        assert file.from_table({"run": {"notes": value}}).run.notes == value


def test_of_a_webhook_only_the_host_is_shown(home: Path, tmp_path: Path) -> None:
    """Whoever knows its address can write there: it is in the session file, and goes nowhere else."""
    plain, told = (file.from_table({"run": {"webhook": it}}) for it in ("", f"https://hooks.example.com/{MARK}"))
    (difference,) = differences(plain, told)
    assert (difference.before, difference.after) == ("left out", "(an address at hooks.example.com)")
    (line,) = settings([Compared("a", plain, RunState()), Compared("b", told, RunState())])
    assert line.values == ("left out", "(an address at hooks.example.com)")
    keep(told, Fitted(id="1", trials=(Trial({}, "own", "as it is", seconds=1.0, examples=1),)))
    save_preset(tmp_path / "mine.toml", told)
    assert [it.session for it in kept()] == [plain]
    assert found_in(home, set()) == found_in(tmp_path, set()) == []
    with pytest.raises(file.SessionError) as caught:
        file.from_table({"run": {"webhook": f"hooks.example.com/{MARK}"}})
    assert "should be like an address that begins with http" in str(caught.value) and MARK not in str(caught.value)


@pytest.fixture(scope="module")
def lab(cold_lab: Lab) -> Lab:
    """Libraries read some of these variables when they are imported."""
    return cold_lab


@pytest.fixture(scope="module")
def secretive(lab: Lab) -> dict[str, str]:
    """Variables and a token store that hold what nobody else may see."""
    (lab.home / "hub").mkdir(parents=True, exist_ok=True)
    (lab.home / "hub" / "token").write_text(f"hf_store{MARK}")
    return {
        "HF_TOKEN": TOKEN,
        "HUGGING_FACE_HUB_TOKEN": TOKEN,
        "WANDB_API_KEY": MARK,
        "https_proxy": f"http://ada:{MARK}@127.0.0.1:1",
        "HF_HOME": str(lab.home / "hub"),
        "OPENAI_API_KEY": f"sk-{MARK}",
    }


@pytest.mark.slow
def test_a_run_leaves_no_secret_of_its_surroundings_anywhere(
    lab: Lab, secretive: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secretive.items():
        monkeypatch.setenv(name, value)
    assert token_source() == "environment"
    webhook = f"http://127.0.0.1:9/{MARK}path"
    session = lab.write_session(
        tmp_path / "s.toml", training={"max_steps": 3}, run={"name": "secretive", "webhook": webhook}, export={"kinds": []}
    )
    started = lab.command("start", str(session), "--trust", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = "".join(started.communicate(timeout=60))
    folder = lab.run_named("secretive")
    wait_for(folder, in_phase("importing"), 60)
    words = [" ".join(it.cmdline()) for it in poll(lab.processes, 10, "no process")]
    state = wait_for(folder, ended, 240)
    assert (state.status, state.failure) == ("finished", None)
    poll(lambda: any("webhook" in it.text for it in read_state(folder).warnings), 60, "no word of the webhook")
    for command in (["runs", "--json"], ["watch", folder.name, "--json"], ["check", str(session)]):
        done = lab.command(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said += "".join(done.communicate(timeout=120))
    assert UNSLOTH_TUI[-1] in words[0] or words
    assert MARK not in said and not [it for it in words if MARK in it]
    allowed = {lab.home / "hub" / "token", folder.session}  # the store of the hub, and the webhook's own path
    assert found_in(lab.home, allowed) == []
    assert folder.session.read_text().count(MARK) == 1


def found_in(place: Path, allowed: set[Path]) -> list[Path]:
    """The files below a folder that hold the mark, or are called by it."""
    files = [path for path in place.rglob("*") if path.is_file() and not path.is_symlink() and path not in allowed]
    return [path for path in files if MARK in path.name or MARK.encode() in path.read_bytes()]
