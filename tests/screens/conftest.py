"""A window to drive: its machine always reads the same, and its files have short names."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet
from textual.pilot import Pilot

from tui.machine.readings import GpuReading, HostReading
from tui.machine.sampler import Sampler
from tui.run.folder import RunFolder
from tui.run.spare import Spare
from tui.session import file
from tui.session.schema import Session

ROOT = Path(__file__).parents[2]
RECORDED = ROOT / "tests" / "recorded" / "demo-events.jsonl"
GIB = 2**30
STYLES: dict[tuple[Any, ...], Any] = {}

GPU = GpuReading(
    index=0,
    name="NVIDIA H200",
    memory_used_bytes=120 * GIB,
    memory_total_bytes=140 * GIB,
    utilisation_percent=97,
    temperature_celsius=64,
    power_watts=612.0,
    power_limit_watts=700.0,
    throttled="",
    other_processes=1,
)
HOST = HostReading(cpu_percent=42.0, cores=16, memory_used_bytes=20 * GIB, memory_total_bytes=128 * GIB)


QUICK = ("test_ways.py", "test_themes.py", "test_live_parts.py", "test_answer_text.py")
"""What says within seconds whether every place still works; the rest drives windows for minutes."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name not in QUICK:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def steady_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GPU whose readings never change."""
    monkeypatch.setattr(Sampler, "start", lambda self: setattr(self, "latest", ((GPU,), HOST)))


@pytest.fixture(autouse=True)
def no_spare_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """No window of these tests imports the libraries ahead of a run."""
    monkeypatch.setattr(Spare, "prepare", lambda self, session: None)


@pytest.fixture(autouse=True)
def quick_pilot(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot sleeps after every key until the window is idle; a quarter of its sleep shows that as well."""
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 1 / 200)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 1 / 400)


@pytest.fixture(autouse=True)
def styles_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made of a style sheet is kept from one window to the next, by its text and its colours."""
    read = Stylesheet._parse_rules

    def remembered(self: Stylesheet, *given: Any, **named: Any) -> Any:
        key = (given, *named.items(), *self._variables.items())
        if key not in STYLES:
            STYLES[key] = read(self, *given, **named)
        return STYLES[key]

    monkeypatch.setattr(Stylesheet, "_parse_rules", remembered)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hollow_model: Callable[..., Path]) -> Session:
    """A session whose model and data lie in the working directory, so that paths look the same everywhere."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_data").symlink_to(ROOT / "sample_data")
    hollow_model("tiny", num_hidden_layers=2, hidden_size=64, vocab_size=600)
    return file.from_table({"model": {"name": "./tiny"}, "data": {"source": "sample_data/shell/train.jsonl"}})


@pytest.fixture
def demo_run(home: Path) -> RunFolder:
    """A finished run: what a real demo wrote."""
    folder = RunFolder(home / "runs" / "2026-11-23-1736-demo")
    folder.path.mkdir(parents=True)
    folder.session.write_text((ROOT / "sample_data" / "shell.toml").read_text())
    folder.events.write_bytes(RECORDED.read_bytes())
    folder.lock.write_text('{"pid": 1, "started": 1.0, "host": "elsewhere"}')
    later = time.time() + 3600
    os.utime(folder.lock, (later, later))  # its engine lives for as long as a slow test takes
    return folder


async def until(pilot: Pilot[None], true: Callable[[], object], within_s: float = 10) -> None:
    """Let the window work until a condition holds."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, f"not within {within_s} s; the screen is {pilot.app.screen}"
        await pilot.pause(0.02)


async def settled(pilot: Pilot[None]) -> None:
    """Let every background look come to its end."""
    await pilot.pause()
    await until(pilot, lambda: not getattr(pilot.app.screen, "looks", None))
    await pilot.pause()
