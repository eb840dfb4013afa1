"""What the programs of this folder share: figures in a table, against their bars, and as JSON with where and when."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from tui.machine.gpu import driver_version, read_gpus

PACKAGES = ("textual", "unsloth", "unsloth_zoo", "torch", "transformers", "trl", "peft", "bitsandbytes", "datasets")
COLUMNS = ("what", "bare", "ours", "times", "bar", "")


@dataclass(frozen=True)
class Row:
    """One figure, with that of the bare way to do it where there is one."""

    what: str
    ours: float
    unit: str = "s"
    bare: float | None = None
    more_is_better: bool = False
    bar: float | None = None
    """What the figure itself has to reach, or with `bare` how many times as good as that it has to be."""

    @property
    def times(self) -> float | None:
        """How many times as good as the bare way."""
        if not self.bare or not self.ours:
            return None
        return self.ours / self.bare if self.more_is_better else self.bare / self.ours

    @property
    def held(self) -> bool | None:
        """Whether the bar is reached; None without one."""
        if self.bar is None:
            return None
        if self.times is not None:
            return self.times >= self.bar
        return self.ours >= self.bar if self.more_is_better else self.ours <= self.bar


def report(rows: Sequence[Row], to: Path | None = None, **more: Any) -> None:
    """Print the rows as a table, and write them as JSON where a file is named; `more` goes there as it is."""
    print_table([COLUMNS, *map(_cells, rows)])
    where = where_and_when()
    print(" · ".join([where["date"], where["machine"], f"load {where['load']:.1f}"]))
    if to:
        told = [asdict(row) | {"times": row.times, "held": row.held} for row in rows]
        to.write_text(json.dumps({**where, "rows": told, **more}, indent=1) + "\n")


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Rows as Markdown, the columns aligned: the first on the left, the others on the right."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [f"{cell:{'<' if at == 0 else '>'}{widths[at]}}" for at, cell in enumerate(row)]
        print(f"| {' | '.join(cells)} |")
        if number == 0:
            print(f"| {' | '.join('-' * width for width in widths)} |")


def where_and_when() -> dict[str, Any]:
    """The machine, what was installed on it, and how busy it was."""
    gpus = [gpu.name for gpu in read_gpus()]
    machine = f"{len(os.sched_getaffinity(0))} cores, {psutil.virtual_memory().total >> 30} GiB"
    return {
        "date": f"{datetime.now():%Y-%m-%d %H:%M}",
        "machine": ", ".join([machine, *gpus]),
        "load": os.getloadavg()[0],
        "driver": driver_version(),
        "python": platform.python_version(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _cells(row: Row) -> tuple[str, ...]:
    sign = {True: "✓", False: "✗", None: ""}[row.held]
    bare, times = ("" if value is None else value for value in (row.bare, row.times))
    return (
        row.what,
        f"{bare:.4g} {row.unit}" if row.bare is not None else "",
        f"{row.ours:.4g} {row.unit}",
        f"{times:.2f}" if row.times is not None else "",
        f"{row.bar:g}" if row.bar is not None else "",
        sign,
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
