"""Does what is exported say what the run says, and does it take what was predicted? About three minutes on a GPU.

    uv run --extra demo python bench/export_gpu.py [--to adapter merged-16bit merged-4bit gguf] [--quant q8_0 q4_k_m]
                                                   [--model FOLDER] [--steps 30] [--keep FOLDER]

Trains the small bundled model (or the one in FOLDER) in 4-bit on the sample data, asks for every export at once, and prints
a JSON line for the training and for each export: seconds of each stage; disk and memory as predicted and as taken at most,
in bytes; for each prompt how many of 48 tokens are those of the adapter on the 16-bit base model, with both logits where
they part. Exit code 0: everything was made, and what has to give the same tokens does (all but merged-4bit and GGUF of few
bits). Without --to it makes the adapter and both merged forms; on a box without a GPU merged-4bit is refused. GGUF needs a
built llama.cpp, see README. --keep FOLDER keeps the run, its exports and every log.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil

from tui import console
from tui.machine.gpu import read_gpus
from tui.machine.host import folder_bytes
from tui.run import export_jobs
from tui.run.demo import demo_session, unpack_model
from tui.run.export_ahead import Ahead, look_ahead
from tui.run.export_events import ExportMoved
from tui.run.export_jobs import Job
from tui.run.exports import proof_words, read_record
from tui.run.folder import RunFolder, create_run
from tui.run.lock import holder_of
from tui.run.process import start_engine
from tui.run.watcher import read_events
from tui.session import file

LOOK_S = 0.2
PROMPTS = (
    "How do I count the lines of notes.txt?",
    "List every file here, also hidden ones.",
    "What is the capital of France?",
    "Write one sentence about the sea.",
)


def trained(model: Path | None, steps: int) -> RunFolder:
    """A run in 4-bit that has ended and freed its GPU."""
    if model is None:
        unpack_model()
    changes: dict[str, Any] = {"model.load_in_4bit": True, "model.load_in_16bit": False, "training.max_steps": steps}
    changes |= {
        "evaluation.source": None,
        "evaluation.eval_steps": None,
        "evaluation.eval_strategy": "no",
        "evaluation.compare_prompts": 0,
    }
    changes |= {"evaluation.sample_prompts": PROMPTS, "evaluation.sample_steps": steps, "chat.keep_loaded_minutes": 0}
    changes |= {"model.name": str(model.absolute())} if model else {}
    folder = create_run(file.replace_values(demo_session(), changes))
    start_engine(folder).wait()
    return folder


def gpu_bytes() -> int:
    """Memory that is taken of all GPUs together."""
    return sum(gpu.memory_used_bytes or 0 for gpu in read_gpus())


def watch(job: Job, before: int) -> dict[str, dict[str, int]]:
    """What an export takes at most in each of its stages until it ends, in bytes; `before` is what the GPUs held."""
    taken: dict[str, dict[str, int]] = {}
    while (now := export_jobs.read_job(job.folder)) is not None and not now.state.ended:
        most = taken.setdefault(now.state.stage, {"disk": 0, "memory": 0, "gpu": 0})
        seen = {
            "disk": folder_bytes(export_jobs.scratch_of(job.asked)),
            "memory": memory_bytes(job),
            "gpu": gpu_bytes() - before,
        }
        taken[now.state.stage] = {name: max(most[name], seen[name]) for name in most}
        time.sleep(LOOK_S)
    return taken


def memory_bytes(job: Job) -> int:
    """What the processes of an export hold of the box's memory."""
    holder = holder_of(job.folder.lock)
    try:
        mine = [psutil.Process(holder.pid), *psutil.Process(holder.pid).children(recursive=True)] if holder else []
        return sum(process.memory_info().rss for process in mine)
    except psutil.Error:
        return 0


def stages(folder: RunFolder) -> dict[str, float]:
    """Seconds of each stage, but for the wait for its turn."""
    told = [event for event in read_events(folder) if not isinstance(event, ExportMoved) or event.stage]
    spent: dict[str, float] = {}
    for event, following in pairwise(told):
        if isinstance(event, ExportMoved) and event.stage != "waiting":
            spent[event.stage] = round(spent.get(event.stage, 0.0) + following.time - event.time, 1)
    return spent


def report(job: Job, ahead: Ahead, taken: dict[str, dict[str, int]]) -> bool:
    """Print what came of an export; whether it is what it should be."""
    now = export_jobs.read_job(job.folder) or job
    record = read_record(Path(now.state.result)) if now.state.result else None
    if record is None:
        print(json.dumps({"export": job.asked.name, "failed": now.state.failure, "log": str(job.folder.log)}), flush=True)
        print(job.folder.log.read_text(errors="replace")[-3000:], file=sys.stderr)
        return False
    asked = [
        {
            "file": proof.subject,
            "how": proof.how,
            "same": it.same,
            "of": it.of,
            "difference": it.difference and asdict(it.difference),
        }
        for proof in record.proofs
        for it in proof.asked
    ]
    told: dict[str, Any] = {
        "export": record.name,
        "seconds": record.seconds,
        "stages": stages(job.folder),
        "bytes": record.bytes,
    }
    told["predicted"] = {"bytes": ahead.result_bytes, "disk": ahead.disk_bytes, ahead.place: ahead.memory_bytes}
    told["taken"] = taken
    told["proof"] = proof_words(record)
    told["asked"] = asked
    print(console.to_json(told), flush=True)
    return all(proof.passed for proof in record.proofs)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--to", nargs="+", default=["adapter", "merged-16bit", "merged-4bit"])
    parser.add_argument("--quant", nargs="+", default=["q8_0"])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    os.environ["UNSLOTH_TUI_HOME"] = str((given.keep or Path(tempfile.mkdtemp())).absolute())
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    started = time.monotonic()
    run = trained(given.model, given.steps)
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({"gpu": [gpu.name for gpu in read_gpus()], "run": run.name, "seconds": seconds}), flush=True)
    before = gpu_bytes()
    wanted = [export_jobs.request(run, to, given.quant) for to in given.to]
    jobs = [(look_ahead(asked), Job(export_jobs.start(asked), asked)) for asked in wanted]
    good = [report(job, ahead, watch(job, before)) for ahead, job in jobs]
    print(json.dumps({"good": all(good), "seconds": round(time.monotonic() - started, 1)}), flush=True)
    return int(not all(good))


if __name__ == "__main__":
    sys.exit(main())
