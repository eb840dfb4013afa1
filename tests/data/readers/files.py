"""Writes data files and reads them as the program does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui.data.opening import count_rows, iterate_records
from tui.data.records import DataError, Record, Row
from tui.session.sections.data import DataSection


class Files:
    """A folder of data files, and what is read from them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, content: str | bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def records(self, source: str, **settings: Any) -> list[Record]:
        """Everything that is read; as many as are counted."""
        data = DataSection(source=source, **settings)
        records = list(iterate_records(data))
        assert [record.number for record in records] == list(range(1, len(records) + 1))
        assert count_rows(data) == len(records)
        return records

    def rows(self, source: str, **settings: Any) -> list[Row | None]:
        return [record.row for record in self.records(source, **settings)]

    def problems(self, source: str, **settings: Any) -> list[tuple[str, str]]:
        """Place and problem of the bad rows."""
        return [(record.place, record.problem) for record in self.records(source, **settings) if record.row is None]

    def refusal(self, source: str, **settings: Any) -> DataError:
        with pytest.raises(DataError) as caught:
            list(iterate_records(DataSection(source=source, **settings)))
        assert "\n" not in str(caught.value)
        return caught.value
