"""``python bench/scaling.py MODEL_FOLDER --gpus 1,2 --out FILE.json``: what several GPUs of one box are worth.

Each figure comes from a real run, started as a window starts it. Parts, in their order; ``--parts`` chooses some of them:

- weak: the same batch on each GPU, so that an update sees more examples with more GPUs
- strong: the same examples an update, shared among the GPUs; the first 15 losses are held against those of one GPU
- shared: weak again, with weights that are shared (FSDP2)
- reduce: how long the gradients of one update take from GPU to GPU when nothing else is done
- pause, pause-shared: a checkpoint, a pause and the way on, on all GPUs, with weights that each has or that are shared
- kill: one process is killed; how long the others live, and what the run says

A part that fails is written down with its reason, and the next one begins; none begins after ``--minutes``. What an earlier
call has written into the same file stays, and later parts are held against it. ``--device cpu`` takes processes on the
processor (gloo) instead of GPUs. The table and the JSON hold seconds an update and their two parts: computing is what one
GPU takes for the same batch, telling each other is the rest.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from tui.run import commands, events
from tui.run.folder import RunFolder, create_run
from tui.run.lock import holder_of
from tui.run.process import last_words, resume_run, send, start_engine
from tui.run.state import RunState, fold
from tui.run.watcher import follow
from tui.session import file

WORDS = ("one", "two", "word", "house", "tree", "water", "light", "day", "hand", "year")
WARM_UP = 5
COMPARED = 15
"""So many losses are held against those of one GPU."""
RUN_S = 420.0
PARTS = ("weak", "strong", "shared", "reduce", "pause", "pause-shared", "kill")
ONCE = ("pause", "pause-shared", "kill")
"""These are looked at with most GPUs alone."""
Result = dict[str, Any]


class Bench:
    """The runs of one measurement, and what they told."""

    def __init__(self, given: argparse.Namespace, scratch: Path) -> None:
        self.given, self.counts = given, [int(word) for word in given.gpus.split(",")]
        self.most = max(self.counts)
        self.data = scratch / "rows.jsonl"
        write_rows(self.data, given.length)
        self.results: list[Result] = json.loads(given.out.read_text())["results"] if given.out.exists() else []
        self.end = time.monotonic() + 60 * given.minutes

    def session(self, count: int, **tables: Result) -> Any:
        """The session of a run on so many GPUs, each with the same batch."""
        given = self.given
        device = "cpu" if given.device == "cpu" else ",".join(str(number) for number in range(count))
        told: dict[str, Result] = {
            "model": {
                "name": given.model, "max_seq_length": given.length, "load_in_4bit": given.four_bit, "device": device,
            },
            "data": {"source": str(self.data), "format": "text"},
            "lora": {"r": given.rank, "use_gradient_checkpointing": given.checkpointing},
            "training": self._training(),
            "cluster": {"nproc_per_node": count},
            "guards": {"out_of_memory": "stop"},
            "chat": {"keep_loaded_minutes": 0},
        }  # fmt: skip
        return file.from_table({key: told.get(key, {}) | tables.get(key, {}) for key in {*told, *tables}})

    def start(self, part: str, count: int, **tables: Result) -> RunFolder:
        folder = create_run(self.session(count, run={"name": f"{part} {count}"}, **tables))
        start_engine(folder)
        return folder

    def measured(self, part: str, count: int, **tables: Result) -> Result:
        """The figures of a run from its beginning to its end."""
        state = wait_for(self.start(part, count, **tables), lambda state, event: state.ended)
        if state.status != "finished":
            raise RuntimeError(state.failure.text if state.failure else state.status)
        steps = list(state.steps)[WARM_UP:]
        peaks = [one.peak_memory_bytes for one in state.ranks] or [state.steps[-1].peak_memory_bytes]
        seconds = statistics.median(step.seconds for step in steps)
        return {
            "tokens_per_s": statistics.median(step.tokens_per_s for step in steps),
            "step_s": seconds,
            "peak_bytes": peaks,
            "losses": [step.loss for step in state.steps][:COMPARED],
            "trained_parameters": state.plan.trained_parameters if state.plan else 0,
            "device": state.plan.device if state.plan else "",
        }

    def weak(self, count: int) -> Result:
        return self._split(self.measured("weak", count))

    def shared(self, count: int) -> Result:
        return self._split(self.measured("shared", count, **_sharing(count)))

    def strong(self, count: int) -> Result:
        found = self.measured("strong", count, training=self._training(gradient_accumulation_steps=self.most // count))
        if alone := self._of("strong", 1):
            differences = [abs(one - other) for one, other in zip(found["losses"], alone["losses"], strict=False)]
            found["largest_loss_difference"] = max(differences, default=None)
            found["speed_up"] = alone["step_s"] / found["step_s"]
        return found

    def reduce(self, count: int) -> Result:
        """The gradients of the weak run, summed over the GPUs by themselves; the ring's bandwidth follows (nccl-tests)."""
        size = 4 * ((self._of("weak", 1) or self._of("weak", count) or {}).get("trained_parameters") or 42_000_000)
        words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(count), "--rdzv-backend", "c10d"]
        program = Path(__file__).with_name("all_reduce.py")
        words += ["--rdzv-endpoint", "localhost:0", "--local-addr", "localhost", str(program), str(size)]
        hidden = {"CUDA_VISIBLE_DEVICES": ""} if self.given.device == "cpu" else {}
        done = subprocess.run(words, env=os.environ | hidden, capture_output=True, text=True, timeout=RUN_S, check=False)
        told = [line for line in done.stdout.splitlines() if line.startswith("SECONDS ")]
        if not told:
            raise RuntimeError(done.stderr[-500:])
        seconds = float(told[0].split()[1])
        return {"bytes": size, "seconds": seconds, "bandwidth_bytes_s": 2 * (count - 1) / count * size / seconds}

    def pause(self, count: int) -> Result:
        return self.paused(count, "weak")

    def pause_shared(self, count: int) -> Result:
        return self.paused(count, "shared", **_sharing(count))

    def paused(self, count: int, whole: str, **tables: Result) -> Result:
        """A checkpoint, a pause and the way on; the losses must be those of the part in which nothing happened."""
        saving = self._training(save_strategy="steps", save_steps=self.given.steps)
        folder = self.start("pause", count, training=saving, **tables)
        wait_for(folder, lambda state, event: bool(state.last_step and state.last_step.step >= WARM_UP))
        send(folder, commands.Checkpoint())
        state = wait_for(folder, lambda state, event: bool(state.checkpoints))
        asked = time.monotonic()
        send(folder, commands.Pause())
        paused = wait_for(folder, lambda state, event: state.ended)
        found: Result = {"pause_s": time.monotonic() - asked, "checkpoint_at": state.checkpoints[0].step}
        found |= {"status": paused.status, "paused_at": paused.last_step.step if paused.last_step else 0}
        wait_for(folder, lambda state, event: isinstance(event, events.EngineSeen) and not event.alive)
        resume_run(folder, {})
        state = wait_for(folder, lambda state, event: isinstance(event, events.Finished) and state.status == "finished")
        found["losses"] = [step.loss for step in state.steps]
        if undisturbed := self._of(whole, count):
            pairs = zip(found["losses"], undisturbed["losses"], strict=False)
            found["largest_loss_difference"] = max(abs(one - other) for one, other in pairs)
        return found

    def kill(self, count: int) -> Result:
        """The last process is killed in the middle of an update."""
        folder = self.start("kill", count, training=self._training(max_steps=100_000))
        wait_for(folder, lambda state, event: bool(state.last_step and state.last_step.step >= WARM_UP))
        ranks = ranks_of(folder)
        began = time.monotonic()
        os.kill(ranks[-1].pid, signal.SIGKILL)
        psutil.wait_procs(ranks, timeout=60)
        seconds = time.monotonic() - began
        state = wait_for(folder, lambda state, event: state.ended)
        return {"seconds": seconds, "status": state.status, "text": state.failure.text if state.failure else ""}

    def run(self) -> None:
        """Every part that was asked for, on every number of GPUs it makes sense on."""
        todo = [(part, count) for part in PARTS for count in self.counts if part in self.given.parts.split(",")]
        for part, count in todo:
            if (count == 1 and part not in ("weak", "strong")) or (part in ONCE and count != self.most):
                continue
            if time.monotonic() > self.end:
                self._keep({"part": part, "gpus": count, "error": "no time was left"})
                continue
            began = time.monotonic()
            measure: Callable[[int], Result] = getattr(self, part.replace("-", "_"))
            try:
                told = measure(count)
            except Exception as error:
                traceback.print_exc()
                told = {"error": str(error)[:500]}
            self._keep({"part": part, "gpus": count, **told, "took_s": time.monotonic() - began})

    def _keep(self, result: Result) -> None:
        same = (result["part"], result["gpus"])
        self.results = [*(it for it in self.results if (it["part"], it["gpus"]) != same), result]
        print(line(result), flush=True)
        given = {key: str(value) if isinstance(value, Path) else value for key, value in vars(self.given).items()}
        self.given.out.write_text(json.dumps({"given": given, "results": self.results}, indent=1) + "\n")

    def _split(self, found: Result) -> Result:
        """How much of an update is computing, and what is left for telling each other."""
        alone = self._of("weak", 1)
        if alone:
            found |= {"computing_s": alone["step_s"], "telling_s": found["step_s"] - alone["step_s"]}
            found["efficiency"] = alone["step_s"] / found["step_s"]
        return found

    def _of(self, part: str, count: int) -> Result | None:
        return next((it for it in self.results if (it["part"], it["gpus"]) == (part, count) and "error" not in it), None)

    def _training(self, **changes: Any) -> Result:
        given = self.given
        plain = {"per_device_train_batch_size": given.batch, "gradient_accumulation_steps": 1, "max_steps": given.steps}
        return plain | {"save_strategy": "no"} | changes


def _sharing(count: int) -> dict[str, Result]:
    return {"cluster": {"nproc_per_node": count, "fsdp2": True}}


def write_rows(path: Path, length: int) -> None:
    """Rows of plain text that are longer than is trained on, so that each is cut to the same length."""
    draw = random.Random(0)
    rows = ({"text": " ".join(draw.choices(WORDS, k=length + 50))} for _ in range(2048))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def wait_for(folder: RunFolder, enough: Callable[[RunState, events.Event], bool]) -> RunState:
    """The state of a run as soon as it is as wanted. Raises TimeoutError, and RuntimeError when it ended otherwise."""
    until, state = threading.Event(), RunState()
    alarm = threading.Timer(RUN_S, until.set)
    alarm.start()
    try:
        for event in follow(folder, until):
            state = fold(state, event)
            if enough(state, event):
                return state
            if state.status in ("failed", "crashed") and state.failure:
                raise RuntimeError(state.failure.text)
    finally:
        alarm.cancel()
    raise TimeoutError(f"{folder.name}: {state.status}, {len(state.steps)} updates; {last_words(folder, 5)}")


def ranks_of(folder: RunFolder) -> list[psutil.Process]:
    """The processes that train together, in the order of their ranks."""
    holder = holder_of(folder.lock)
    assert holder is not None
    found = [it for it in psutil.Process(holder.pid).children() if "RANK" in it.environ()]
    return sorted(found, key=lambda it: int(it.environ()["RANK"]))


def line(result: Result) -> str:
    """A result in one line."""
    head = f"{result['part']:8}{result['gpus']:>3}  "
    return head + "  ".join(words_of(result)) if "error" not in result else f"{head}failed: {result['error']}"


def words_of(result: Result) -> Iterator[str]:
    forms: dict[str, Callable[[Any], str]] = {
        "tokens_per_s": lambda it: f"{it:,.0f} tokens/s",
        "step_s": lambda it: f"{it:.3f} s/update",
        "computing_s": lambda it: f"computing {it:.3f}",
        "telling_s": lambda it: f"telling {it:.3f}",
        "efficiency": lambda it: f"efficiency {it:.0%}",
        "speed_up": lambda it: f"{it:.2f} times as fast",
        "largest_loss_difference": lambda it: f"losses differ by {it:.4f}",
        "peak_bytes": lambda it: f"peak {max(it) / 2**30:.2f} GiB",
        "seconds": lambda it: f"{it:.4f} s",
        "bandwidth_bytes_s": lambda it: f"{it / 1e9:.1f} GB/s",
        "pause_s": lambda it: f"paused after {it:.1f} s",
        "text": str,
    }
    for name, form in forms.items():
        if result.get(name) is not None:
            yield form(result[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--gpus", default="1,2", help="numbers of GPUs, with commas")
    parser.add_argument("--out", type=Path, default=Path("scaling.json"))
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--batch", type=int, default=8, help="rows at once on each GPU")
    parser.add_argument("--length", type=int, default=512, help="tokens of a row")
    parser.add_argument("--rank", type=int, default=16, help="of the adapter")
    parser.add_argument("--checkpointing", default="unsloth", choices=["unsloth", "true", "false"])
    parser.add_argument("--four-bit", action="store_true")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu"])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["UNSLOTH_TUI_HOME"] = os.environ.get("UNSLOTH_TUI_HOME") or f"{scratch}/home"
        Bench(given, Path(scratch)).run()


if __name__ == "__main__":
    main()
