"""The whole way with the keyboard and a real engine; and windows that are killed and closed while it trains."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator

import pytest
from textual.widgets import Input, Static

from tests.lab import ROOT, UNSLOTH_TUI, Lab, at_step, ended, engine_gone, poll, wait_for, worker_of
from tests.screens.conftest import settled, until
from tui.app import UnslothTui
from tui.run import commands
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.run.watcher import read_state
from tui.screens.dialogs.ask import AskDialog
from tui.widgets.prompt_area import PromptArea

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

CTRL_T = b"\x14"
STEPS = 400
WINDOWS = 20


class Window:
    """The real window in a terminal of its own, drawn and thrown away."""

    def __init__(self, lab: Lab, *words: str) -> None:
        self.ours, theirs = os.openpty()
        with lab.entered():
            self.process = subprocess.Popen(
                [*UNSLOTH_TUI, *words],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"},
            )
        os.close(theirs)
        self.shown = b""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            while piece := os.read(self.ours, 65536):
                self.shown += piece
        except OSError:
            return

    def shows(self, text: bytes, within_s: float = 30) -> None:
        poll(lambda: text in self.shown, within_s, f"the window does not show {text!r}; it shows {self.shown[-800:]!r}")

    def press(self, keys: bytes) -> None:
        os.write(self.ours, keys)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self.ours)

    def hang_up(self) -> None:
        """What sshd does when the connection drops: hang up the process group of the terminal."""
        os.killpg(self.process.pid, signal.SIGHUP)
        self.process.wait(10)
        os.close(self.ours)


@pytest.fixture(scope="module")
def orphan(cold_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """A run that a window started and that has outlived two windows: one killed, one hung up."""
    session = cold_lab.write_session(
        tmp_path_factory.mktemp("sessions") / "s.toml", training={"max_steps": STEPS}, run={"name": "orphan"}
    )
    starter = Window(cold_lab, str(session))
    starter.shows(b"Model")
    starter.press(CTRL_T)
    folder = cold_lab.run_named("orphan", within_s=60)
    second = Window(cold_lab, "attach", folder.name)
    wait_for(folder, at_step(2), within_s=120)
    second.shows(b"training")
    starter.kill()
    step = len(read_state(folder).steps)
    wait_for(folder, at_step(step + 2))
    second.hang_up()
    step = len(read_state(folder).steps)
    wait_for(folder, at_step(step + 2))
    yield folder


def test_a_run_goes_on_to_its_end_without_any_window(orphan: RunFolder) -> None:
    state = wait_for(orphan, ended, within_s=120)
    assert state.status == "finished"
    assert [step.step for step in state.steps] == list(range(1, STEPS + 1))
    assert (orphan.adapter / "adapter_model.safetensors").is_file()


async def test_attaching_again_shows_every_update_from_the_first(orphan: RunFolder) -> None:
    app = UnslothTui(run=orphan)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_state.ended, within_s=120)
        assert [step.step for step in app.run_state.steps] == list(range(1, STEPS + 1))
        assert "finished" in str(app.screen.query_one("#status", Static).render())


@pytest.mark.usefixtures("entered")
async def test_from_the_model_to_the_chat(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Choose a model and data, change a value, start, watch every update, talk to both models, and release."""
    monkeypatch.chdir(ROOT)
    app = UnslothTui()
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("f2")
        app.screen.query_one("#name", Input).focus()
        app.screen.query_one("#name", Input).value = str(lab.model)
        await pilot.press("enter")
        await settled(pilot)
        assert "LlamaForCausalLM" in str(app.screen.query_one("#card", Static).render())

        await pilot.press("f3")
        app.screen.query_one("#source", Input).focus()
        app.screen.query_one("#source", Input).value = "sample_data/shell/train.jsonl"
        await pilot.press("enter")
        await settled(pilot)
        assert "432 rows" in str(app.screen.query_one("#summary", Static).render())

        await pilot.press("f4")
        for row in app.screen.query("FieldRow"):
            if row.spec.key == "training.max_steps":
                row.query_one(Input).value = "12"
        await until(pilot, lambda: app.session.training.max_steps == 12)

        await pilot.press("ctrl+t")
        await until(pilot, lambda: app.run_folder is not None)
        assert app.current_mode == "live"
        folder = app.run_folder
        assert folder is not None
        await until(pilot, lambda: app.run_state.ended, within_s=150)
        assert app.run_state.status == "finished", app.run_state.failure
        assert [step.step for step in app.run_state.steps] == list(range(1, 13))
        assert "12 of 12" in str(app.screen.query_one("#figures", Static).render())

        await pilot.press("f6")
        app.screen.query_one(PromptArea).put("how big is ~/Music")
        await pilot.press("enter")
        await until(pilot, lambda: app.chat.conversation.exchanges and app.chat.conversation.exchanges[0].done, within_s=60)
        answers = app.chat.conversation.exchanges[0].answers
        assert {answer.voice for answer in answers} == {"tuned", "base"}
        assert all(answer.tokens and not answer.error for answer in answers), answers

        await pilot.press("f7")
        await settled(pilot)
        assert folder.name in [row.folder.name for row in app.screen.rows]  # type: ignore[attr-defined]
        send(folder, commands.Release())
        await until(pilot, lambda: not app.run_state.engine_alive, within_s=20)
        assert not app.run_state.chat_ready


async def test_stopping_from_the_window_asks_and_then_saves(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lab.start(training={"max_steps": 1_000_000}, run={"name": "stopped-by-hand"})
    app = UnslothTui(run=folder)
    async with app.run_test() as pilot:
        await until(pilot, lambda: len(app.run_state.steps) >= 2, within_s=120)
        await pilot.press("ctrl+x")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, AskDialog))
        assert not folder.commands.exists()
        await pilot.press("ctrl+x")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        await pilot.click("#yes")
        await until(pilot, lambda: app.run_state.ended, within_s=30)
        assert app.run_state.status == "stopped"
        assert (folder.adapter / "adapter_model.safetensors").is_file()


async def test_a_killed_engine_is_told_within_ten_seconds(lab: Lab) -> None:
    folder = lab.start(training={"max_steps": 1_000_000}, run={"name": "killed-under-a-window"})
    app = UnslothTui(run=folder)
    async with app.run_test() as pilot:
        await until(pilot, lambda: len(app.run_state.steps) >= 2, within_s=120)
        worker_of(folder).kill()
        await until(pilot, lambda: app.run_state.ended, within_s=10)
        assert "SIGKILL" in str(app.screen.query_one("#status", Static).render())
    wait_for(folder, engine_gone, within_s=10)


@pytest.mark.campaign
@pytest.mark.timeout(900)
def test_windows_that_are_killed_and_hung_up_again_and_again_change_nothing(lab: Lab) -> None:
    """At any moment: while they start, draw, read the history, or have just been asked something."""
    folder = lab.start(training={"max_steps": 1_000_000}, run={"name": "watched"})
    wait_for(folder, at_step(3), 120)
    moments = random.Random(7)
    for number in range(WINDOWS):
        window = Window(lab, "attach", folder.name)
        threading.Event().wait(moments.uniform(0, 4))
        if number % 4 == 3:
            window.press(b"k")
        before = read_state(folder).steps[-1].step
        window.hang_up() if number % 2 else window.kill()
        wait_for(folder, at_step(before + 20), 60)
    state = read_state(folder)
    assert state.status == "training" and state.failure is None and not state.warnings
    assert [step.step for step in state.steps] == list(range(1, state.steps[-1].step + 1))
    assert {type(commands.from_line(line)) for line in _asked(folder)} <= {commands.Checkpoint}
    send(folder, commands.Stop())
    assert wait_for(folder, ended, 60).status == "stopped"


def _asked(folder: RunFolder) -> list[bytes]:
    return folder.commands.read_bytes().splitlines() if folder.commands.exists() else []
