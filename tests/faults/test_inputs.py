"""Whatever is in a file, on the command line or in a prompt, the program says so: no traceback, no hang, no flood of memory.

`uv run pytest -m faults tests/faults/test_inputs.py` tries it a hundred thousand times; the normal tests some hundred times.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.examples import ROOT
from tests.faults.inputs import cleared, inputs
from tests.faults.mutating import damaged
from tests.session.strategies import tables
from tui.data.lint import lint
from tui.data.looking import reading_of
from tui.data.opening import iterate_records
from tui.data.records import DataError
from tui.session import file
from tui.session.checks import check
from tui.session.sections.data import DataSection

CASES, ROWS_CASES, SEED = 105_000, 5_000, 11
"""Of the long version."""
SHORT_CASES = 6
INPUTS = inputs()

KEYS = st.sampled_from(["role", "content", "from", "value", "text", "x"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
COLUMNS = st.sampled_from(
    ["messages", "conversations", "prompt", "completion", "instruction", "input", "output", "text", "input_ids", "labels",
     "tools", "system", "history"]
)  # fmt: skip
rows = st.lists(st.dictionaries(COLUMNS | st.text(max_size=4), values, max_size=4), min_size=1, max_size=4)


@pytest.mark.parametrize("name", INPUTS)
def test_damaged_input_ends_in_words(name: str, home: Path) -> None:
    home.mkdir()
    known, chance = INPUTS[name], random.Random(f"{SEED} {name} short")
    for _ in range(max(2, round(SHORT_CASES * known.share))):
        known.take(damaged(chance, known.examples), cleared(home))


def read_rows(path: Path, told: list[dict[str, Any]]) -> None:
    """Look through some rows as F3 does."""
    path.write_text("".join(json.dumps(row) + "\n" for row in told))
    data = DataSection(source=str(path), skip_bad_rows=True)
    try:
        lint(iterate_records(data), reading_of(data), data)
    except DataError as error:
        assert "\n" not in str(error)


@given(told=rows)
def test_rows_of_any_shape_are_read_or_refused(told: list[dict[str, Any]], tmp_path: Path) -> None:
    read_rows(tmp_path / "rows.jsonl", told)


@pytest.mark.faults
@pytest.mark.timeout(7200)
@settings(max_examples=ROWS_CASES)
@given(told=rows)
def test_many_rows_of_any_shape_are_read_or_refused(told: list[dict[str, Any]], tmp_path: Path) -> None:
    read_rows(tmp_path / "rows.jsonl", told)


@pytest.mark.faults
@pytest.mark.timeout(7200)
@settings(max_examples=ROWS_CASES)
@given(table=tables())
def test_many_sessions_that_are_allowed_are_written_read_and_checked(table: dict[str, Any]) -> None:
    session = file.from_table(table)
    assert file.parse(file.dumps(session)) == session
    check(session)


@pytest.mark.faults
@pytest.mark.timeout(7200)
def test_a_hundred_thousand_damaged_inputs() -> None:
    """Each way in has a process of its own, so that one that dies is noticed and the others go on.

    The variable FAULT_INPUTS names some of them, with commas.
    """
    wanted = [name for name in INPUTS if name in os.environ.get("FAULT_INPUTS", name).split(",")]
    whole = sum(it.share for it in INPUTS.values())

    def tried(name: str) -> dict[str, Any]:
        words = [
            sys.executable,
            "-m",
            "tests.faults.trying",
            name,
            str(round(CASES * INPUTS[name].share / whole)),
            str(SEED),
        ]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            why = f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
            return {"name": name, "cases": 0, "slowest_s": 0.0, "memory_mib": 0, "found": 1, "findings": [{"why": why}]}
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(tried, wanted))
    print(f"\n{'way in':24}{'cases':>8}{'slowest s':>11}{'MiB':>7}{'found':>7}")
    for it in told:
        print(f"{it['name']:24}{it['cases']:>8}{it['slowest_s']:>11.2f}{it['memory_mib']:>7}{it['found']:>7}")
    print(f"{'altogether':24}{sum(it['cases'] for it in told):>8}")
    findings = [f"{it['name']}: {finding.get('content', '')}\n{finding['why']}" for it in told for finding in it["findings"]]
    assert not findings, "\n\n".join(findings)
    assert len(wanted) < len(INPUTS) or sum(it["cases"] for it in told) >= 100_000
