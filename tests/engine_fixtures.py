"""Fixtures for tests with real engines; a test module takes them with ``pytest_plugins = ["tests.engine_fixtures"]``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.lab import ROOT, Lab, run_python, wait_gone


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Llama of 145,000 random weights."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    run_python(str(ROOT / "tests" / "tiny_model.py"), str(folder))
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Lab]:
    """A home for real runs; fails the module's last test when a process of it is left behind."""
    made = Lab(tmp_path_factory.mktemp("home"), tiny_model)
    yield made
    left = made.processes()
    try:
        wait_gone(left, 10)
    finally:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
    assert not (Path.cwd() / "unsloth_compiled_cache").exists()
