"""``python bench/form_open.py``: how long the Tune place takes to open with its form, and to unfold every section of it.

Prints the median of some openings in milliseconds: the first visit, a later visit, all sections unfolded at once, and
one edit from the key to the settled form.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from statistics import median

from textual.widgets import Input

RUNS = 5


async def measure() -> dict[str, float]:
    """One window, opened and closed; milliseconds by what was done."""
    from tui.app import UnslothTui
    from tui.widgets.field_row import FieldRow
    from tui.widgets.form import SectionFields

    told: dict[str, float] = {}
    app = UnslothTui()
    async with app.run_test(size=(120, 40)) as pilot:

        async def until_painted(what: str, mark: float) -> None:
            painted = asyncio.Event()
            app.screen.call_after_refresh(painted.set)
            await painted.wait()
            told[what] = (time.perf_counter() - mark) * 1000

        async def visit(what: str) -> None:
            app.switch_mode("model")
            await pilot.pause()
            mark = time.perf_counter()
            await app.switch_mode("tune")
            await until_painted(what, mark)

        await visit("first visit")
        await visit("later visit")
        mark = time.perf_counter()
        for section in app.screen.query(SectionFields):
            section.collapsed = False
        while len(app.screen.query(FieldRow)) < 80:
            await asyncio.sleep(0)
        await until_painted("all unfolded", mark)
        await pilot.pause()
        row = next(row for row in app.screen.query(FieldRow) if row.spec.key == "lora.r")
        mark = time.perf_counter()
        row.query_one(Input).value = "64"
        while app.session.lora.r != 64:
            await asyncio.sleep(0)
        await until_painted("one edit", mark)
    return told


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        os.environ["UNSLOTH_TUI_HOME"] = home
        runs = [asyncio.run(measure()) for _ in range(RUNS)]
    for what in runs[0]:
        print(f"{what:14} {median(run[what] for run in runs):6.0f} ms")


if __name__ == "__main__":
    main()
