"""The window and the command line start without the training stack, and each module depends only on those below it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

WITHOUT = """
import sys
import tui.app, tui.cli, tui.console, tui.run.preflight, tui.run.watcher
heavy = {"torch", "unsloth", "unsloth_zoo", "transformers", "trl", "peft", "datasets", "bitsandbytes"}
sys.exit(", ".join(sorted(heavy & sys.modules.keys())) or None)
"""


def test_nothing_but_the_engine_loads_the_training_stack() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_import_contracts_are_kept() -> None:
    command = str(Path(sys.executable).parent / "lint-imports")
    done = subprocess.run([command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


SLOW_TYPES = pytest.param(["mypy"], marks=pytest.mark.slow)


@pytest.mark.parametrize("words", [["ruff", "check", "."], ["ruff", "format", "--check", "."], SLOW_TYPES], ids=str)
def test_the_house_style_is_kept(words: list[str], tmp_path: Path) -> None:
    """Lint, format and types: what a reader relies on without looking."""
    command = [str(Path(sys.executable).parent / words[0]), *words[1:]]
    caches = {"RUFF_CACHE_DIR": str(tmp_path), "MYPY_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | caches, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
