"""``python -m tests.faults.trying NAME CASES SEED``: damaged input of one kind in large numbers, and what did not end well.

Prints one JSON object: how many cases, how long the slowest took, the memory, and the findings.
"""

from __future__ import annotations

import faulthandler
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HANG_S = 5
"""Of processor time that one case may take."""
ALARM_S = 60
FINDINGS_KEPT = 5
STUCK_S = 90
"""A case that no alarm can end, in the middle of a library, is ended with the process."""


class Hang(BaseException):
    """A case took too long."""


def _alarm(*_: object) -> None:
    raise Hang(f"no end within {ALARM_S} s")


def used_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def try_many(name: str, cases: int, seed: int, place: Path) -> dict[str, Any]:
    """Try so many damaged examples of one kind in a folder."""
    from tests.faults.inputs import cleared, inputs
    from tests.faults.mutating import damaged

    known = inputs()[name]
    chance = random.Random(f"{seed} {name}")
    told: dict[str, Any] = {"name": name, "cases": 0, "slowest_s": 0.0, "memory_mib": 0, "found": 0, "findings": []}
    kinds: set[str] = set()
    known.take(known.examples[0], cleared(place))  # loads what is loaded once
    before = used_bytes()
    for number in range(cases):
        content = damaged(chance, known.examples)
        cleared(place)
        began = time.process_time()
        if number % 100 == 0:
            faulthandler.dump_traceback_later(100 * STUCK_S, exit=True)
        signal.setitimer(signal.ITIMER_REAL, ALARM_S)
        try:
            known.take(content, place)
            why = ""
        except (Exception, Hang):
            why = traceback.format_exc(limit=-6)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        told["cases"] += 1
        took = time.process_time() - began
        told["slowest_s"] = max(told["slowest_s"], round(took, 3))
        why = why or (f"took {took:.1f} s" if took > HANG_S else "")
        if (grown := used_bytes() - before) > known.memory_bytes:
            why, before = f"took {grown >> 20} MiB", used_bytes()
        if why:
            told["found"] += 1
            kind = why.splitlines()[-1][:40] + "".join(line for line in why.splitlines() if "tui/" in line)[-200:]
            if kind not in kinds and len(kinds) < FINDINGS_KEPT:
                kinds.add(kind)
                told["findings"].append({"content": repr(content[:600]), "bytes": len(content), "why": why})
    return told | {"memory_mib": used_bytes() >> 20}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"UNSLOTH_TUI_HOME": home, "HOME": home, "HF_HOME": f"{home}/hub", "HF_HUB_OFFLINE": "1"}
        signal.signal(signal.SIGALRM, _alarm)
        faulthandler.enable()
        print(json.dumps(try_many(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(home))))
