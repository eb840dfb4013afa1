"""A process that has imported what every engine imports, and forks one for each start: at once, instead of after 15 s.

What an engine is started with (its words, variables, folder and log) is the product's own; only the import is done already.
Runs that are started from the command line, and engines that start themselves anew, import for themselves.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import psutil
import pytest

from tui.run import process

ROOT = Path(__file__).parent.parent
ENGINE = ["-P", "-u", "-m", "tui.engine"]
TO_THE_END = os.O_WRONLY | os.O_APPEND | os.O_CREAT


@dataclass(frozen=True)
class Nursery:
    """The process that forks, by its pipes."""

    orders: IO[str]
    answers: IO[str]
    homes: dict[int, str]
    """Whose engines these are: the product's home by the number of the process session, which its children share."""

    def serve(self, patch: pytest.MonkeyPatch) -> None:
        """Have every engine that this test process starts forked from there."""
        stand_in = SimpleNamespace(Popen=self._start, DEVNULL=subprocess.DEVNULL, STDOUT=subprocess.STDOUT)
        patch.setattr(process, "subprocess", stand_in)

    def run(self, module: str, *words: str, place: Path, within_s: float = 250) -> str:
        """Run a module of the tests, with this process's variables, in a folder; returns what it printed."""
        out, err, code = (place / f"{module}.{end}" for end in ("out", "err", "code"))
        pid = self._fork(module, words, os.environ, place, out, err, code)
        psutil.Process(pid).wait(within_s)
        assert code.exists() and code.read_text() == "0", err.read_text()[-3000:]
        return out.read_text()

    def _start(self, words: list[str], *, env: Mapping[str, str], cwd: Path, stdout: int, **_: Any) -> SimpleNamespace:
        """Stand in for `subprocess.Popen` where an engine is started."""
        assert words[1:5] == ENGINE
        log = Path(f"/proc/self/fd/{stdout}").readlink()
        pid = self._fork("tui.engine", words[5:], env, cwd, log, log)
        self.homes[pid] = env["UNSLOTH_TUI_HOME"]
        return SimpleNamespace(pid=pid)

    def _fork(self, module: str, words: Any, env: Mapping[str, str], place: Path, *files: Path) -> int:
        order = {"module": module, "words": [*words], "env": {**env}, "place": str(place), "files": [*map(str, files)]}
        print(json.dumps(order), file=self.orders, flush=True)
        return int(self.answers.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Start the process; it ends with its standard input."""
    with tempfile.TemporaryDirectory(prefix="nursery-") as home:
        env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        env |= {"UNSLOTH_TUI_HOME": home, "HOME": home, "OMP_NUM_THREADS": "1"}
        words = [sys.executable, "-u", "-m", "tests.nursery"]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=ROOT)
        assert child.stdin is not None and child.stdout is not None
        yield Nursery(child.stdin, child.stdout, {})
        child.stdin.close()
        child.wait(10)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # the libraries print
    from tui.engine.environment import set_defaults

    set_defaults()
    import unsloth  # isort: skip  # noqa: F401
    import tui.engine.loading
    import tui.engine.training  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            answers.close()
            _become(**order)
        print(child, file=answers, flush=True)
    os._exit(0)  # libraries leave threads behind


def _become(module: str, words: list[str], env: dict[str, str], place: str, files: list[str]) -> None:
    """What starting a program would do: a session, files, variables and signals of its own."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out, err, *code = files
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, out, TO_THE_END), (2, err, TO_THE_END)):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(place)
    sys.argv = [module, *words]
    ended = _ended(module)
    sys.stdout.flush()
    for path in code:
        Path(path).write_text(str(ended))
    os._exit(ended)


def _ended(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
