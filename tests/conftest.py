"""Every test has a home of its own and no network; and a few things to try the program on."""

from __future__ import annotations

import gc
import json
import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, configuration, settings

from tests.slurm_programs import Say

_HUB = tempfile.TemporaryDirectory(prefix="hub-")
os.environ |= {"HF_HOME": _HUB.name, "HF_HUB_OFFLINE": "1"}  # read when huggingface_hub is imported, so before any test

SAMPLES = Path(__file__).parent.parent / "sample_data"

gc.set_threshold(50_000, 20, 50)  # with the usual one a quarter of the time of a window's tests is garbage collection

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("repeatable")


LONG = ("campaign", "faults")
"""Markers of what takes minutes: left out unless ``-m`` names them."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for everything; none for named tests, nor for what is long and looks at the clock."""
    return 0 if config.option.file_or_dir or any(name in config.option.markexpr for name in LONG) else 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for name in LONG:
        for item in items:
            if item.get_closest_marker(name) and name not in config.option.markexpr:
                item.add_marker(pytest.mark.skip(reason=f"only with -m {name}"))
    slow = {item.path for item in items if item.get_closest_marker("slow") and not item.get_closest_marker("skip")}
    waiting = {item.path for item in items if "engines" in getattr(item, "fixturenames", ())}
    first = min(slow & waiting, default=None)  # has the nursery made, for which only one process waits
    # what takes long comes first, so that nobody waits at the end
    items.sort(key=lambda item: (item.path not in slow, item.path != first, item.path in waiting))


def pytest_sessionfinish() -> None:
    gc.freeze()  # pytest looks for garbage five times at the end, which takes long among all that is left by then


def pytest_make_parametrize_id(val: object) -> str | None:
    """Values of thousands of characters are not the name of a test."""
    return f"{val[:20]!r}..." if isinstance(val, str | bytes) and len(val) > 60 else None


@pytest.fixture(scope="session", autouse=True)
def hypothesis_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the homes of the tests lie; `mktemp` looks through all of them to number the next one, `mkdtemp` does not."""
    return tmp_path_factory.mktemp("homes")


@pytest.fixture(autouse=True)
def home(homes: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the product keeps its files in this test, instead of the developer's home."""
    place = Path(tempfile.mkdtemp(dir=homes))
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("UNSLOTH_TUI_HOME", str(place / "unsloth-tui"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return place / "unsloth-tui"


@pytest.fixture
def samples() -> Path:
    """The sample data that comes with the program."""
    return SAMPLES


def write_safetensors(path: Path, header: Any) -> Path:
    """A safetensors file that is all header: the tensors themselves are missing."""
    told = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(told)) + told)
    return path


@pytest.fixture
def safetensors() -> Callable[[Path, Any], Path]:
    return write_safetensors


@pytest.fixture
def hollow_model(tmp_path: Path) -> Callable[..., Path]:
    """Makes a model folder without weights worth the name: enough to be looked at, not to be loaded."""

    def make(name: str = "hollow", **config: Any) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        told = {"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 4096} | config
        (folder / "config.json").write_text(json.dumps(told))
        (folder / "chat_template.jinja").write_text("{{ messages }}")
        write_safetensors(folder / "model.safetensors", {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}})
        return folder

    return make


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Puts a program on the path that prints a text, and writes down how it was called; for those of Slurm."""
    from tui.run import standing

    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    standing.forget()

    def put(name: str, printed: str = "", refuses: str = "") -> Path:
        (tmp_path / f"{name}.said").write_text(printed)
        (tmp_path / f"{name}.refused").write_text(refuses)
        calls, program = tmp_path / f"{name}.calls", tmp_path / "bin" / name
        fails = f"cat '{tmp_path}/{name}.refused' >&2; exit 1" if refuses else "exit 0"
        program.write_text(f"#!/bin/sh\necho \"$@\" >> '{calls}'\ncat '{tmp_path}/{name}.said'\n{fails}\n")
        program.chmod(0o700)
        return calls

    for name in ("sacct", "scontrol"):
        put(name, refuses="Slurm accounting storage is disabled")
    return put
