"""Tokens a second of our chat against bare ``for_inference`` and ``generate`` with the same prompt, one after the other.

    uv run python bench/chat_speed.py MODEL_FOLDER [--tokens 128]

Both answer greedily; the second answer counts, from its first token to its last. Prints one JSON object with both rates
and ours / bare (the bar: at least 1.0 on a CPU, 4 on an H200).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile

from tui.run import commands, events
from tui.run.process import send
from tui.run.talk import ask, open_workbench, request
from tui.session.sections.chat import ChatSection

PROMPT = "Write a long story about a lighthouse keeper."

BARE = """
import sys, time
from unsloth import FastLanguageModel
model, tokenizer = FastLanguageModel.from_pretrained(model_name=sys.argv[1], max_seq_length=2048, load_in_4bit=True)
FastLanguageModel.for_inference(model)
ids = tokenizer.apply_chat_template([{"role": "user", "content": sys.argv[3]}], add_generation_prompt=True,
    return_tensors="pt", return_dict=True)["input_ids"].to(model.device)
def answer(tokens):
    start = time.monotonic()
    made = model.generate(input_ids=ids, max_new_tokens=tokens, do_sample=False)
    return made.shape[1] - ids.shape[1], time.monotonic() - start
answer(int(sys.argv[2]))
one, many = answer(1), answer(int(sys.argv[2]))
print("RATE", (many[0] - one[0]) / (many[1] - one[1]))
"""


def bare(model: str, tokens: int) -> float:
    environment = os.environ | {"UNSLOTH_DISABLE_STATISTICS": "1"}
    words = [sys.executable, "-c", BARE, model, str(tokens), PROMPT]
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(words, cwd=scratch, env=environment, capture_output=True, text=True, check=True)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RATE")]
    return float(line.split()[1])


def ours(model: str, tokens: int) -> float:
    bench = open_workbench()
    settings = ChatSection(temperature=0, max_new_tokens=tokens)
    for _ in range(2):
        chat = request([commands.Message("user", PROMPT)], "base", settings, model)
        *_, last = ask(bench, chat)
    send(bench, commands.Release())
    assert isinstance(last, events.Replied) and not last.error, last
    return last.tokens_per_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--tokens", type=int, default=128)
    given = parser.parse_args()
    rates = [bare(given.model, given.tokens), ours(given.model, given.tokens)]
    told = {"bare_tokens_per_s": rates[0], "ours_tokens_per_s": rates[1], "ours/bare": rates[1] / rates[0]}
    print(json.dumps({key: round(value, 3) for key, value in told.items()}))


if __name__ == "__main__":
    main()
