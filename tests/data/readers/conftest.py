"""Data files for the tests here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.readers.files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "files").mkdir()
    return Files(tmp_path / "files")


@pytest.fixture
def lines() -> Callable[..., str]:
    """JSON lines with one text each."""
    return lambda *texts: "".join(f'{{"text": "{text}"}}\n' for text in texts)
