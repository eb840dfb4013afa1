"""Fixtures for tests with real engines; a test module takes them with ``pytest_plugins = ["tests.engine_fixtures"]``."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.lab import Lab, wait_gone
from tests.nursery import Nursery, nursery


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """The process that engines are forked from, one for all test processes."""
    mine = tmp_path_factory.getbasetemp()
    with nursery(mine.parent if "PYTEST_XDIST_WORKER" in os.environ else mine) as made:
        yield made


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory, engines: Nursery) -> Path:
    """The folder of a Llama of 145,000 random weights."""
    place = tmp_path_factory.mktemp("models")
    engines.run("tests.tiny_model", str(place / "tiny"), place=place)
    return place / "tiny"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path, engines: Nursery) -> Iterator[Lab]:
    """A home for real runs; fails the module's last test when a process of it is left behind."""
    yield from _home(Lab(tmp_path_factory.mktemp("home"), tiny_model, engines))


@pytest.fixture
def entered(lab: Lab) -> Iterator[None]:
    """The engines that this test process starts belong to the lab."""
    with lab.entered():
        yield


@pytest.fixture(scope="module")
def cold_lab(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Lab]:
    """The same for tests that look at how an engine starts: every one is a new Python that imports for itself."""
    yield from _home(Lab(tmp_path_factory.mktemp("home"), tiny_model))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """End what a failing test has started in its lab, so that an endless run of it takes no time from the tests after it."""
    labs = [it for it in getattr(item, "funcargs", {}).values() if isinstance(it, Lab)]
    before = {process for lab in labs for process in lab.processes()}
    try:
        return (yield)
    except BaseException:
        _end(process for lab in labs for process in lab.processes() if process not in before)
        raise


def _end(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def _home(made: Lab) -> Iterator[Lab]:
    yield made
    left = made.processes()
    try:
        wait_gone(left, 10)
    finally:
        _end(left)
    assert not (Path.cwd() / "unsloth_compiled_cache").exists()
