"""Well-formed examples of everything that the program reads."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.ipc

from tui.run import commands

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"

SESSIONS = (
    (SAMPLES / "shell.toml").read_bytes(),
    *(path.read_bytes() for path in sorted((ROOT / "tui/session/presets").glob("*.toml"))),
)
LINES = (
    b'{"prompt": "a", "completion": "b"}\n' * 3,
    b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b", "tool_calls": '
    b'[{"function": {"name": "f", "arguments": "{}"}}]}]}\n' * 2,
    b'{"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}\n' * 2,
    b'{"text": "a"}\n{"text": "b"}\n',
    b'{"input_ids": [1, 2, 3], "labels": [-100, 2, 3], "attention_mask": [1, 1, 1]}\n' * 2,
    b'{"instruction": "a", "input": "", "output": "b", "system": "c", "history": [["q", "a"]]}\n' * 2,
    *((SAMPLES / name).read_bytes() for name in ("sharegpt.jsonl", "reasoning.jsonl", "tool_calls.jsonl")),
)  # fmt: skip
TABLE = b'prompt,completion,n\na,b,1\n"c,d","e\nf",2\n'
COMMAND_LINES = b"".join(
    commands.to_line(command).encode()
    for command in (
        commands.Stop(),
        commands.Pause(),
        commands.Resume(values={"training.max_steps": 3}),
        commands.Checkpoint(),
        commands.Cancel(id="x"),
    )
)
ALPACA = (SAMPLES / "alpaca.json").read_bytes()
KEPT = (
    b'{"version": 1, "runs": {}}',
    b'{"session": "", "device": "CPU", "trials": []}',
    b'{"messages": []}',
)
ANSWERS = (
    b"# Title\n\n* a\n* b\n\n|a|b|\n|-|-|\n|1|2|\n\n```python\nprint()\n```\n",
    b"<think>x</think> y",
    b"a **b** [c](d) `e`",
)
TICKET = b'{"place": 1.0, "since": 1.0, "held": false, "shares": false, "resumes": {"training.max_steps": 3}}'


CONFIG = json.dumps(
    {
        "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "hidden_size": 64, "vocab_size": 600,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "intermediate_size": 128,
        "max_position_embeddings": 4096, "tie_word_embeddings": True,
        "text_config": {"num_hidden_layers": 2}, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32,
    }
).encode()  # fmt: skip
TOKENIZER = json.dumps(
    {"tokenizer_class": "LlamaTokenizerFast", "eos_token": {"content": "</s>"}, "chat_template": "{{ x }}"}
).encode()
ADAPTER = json.dumps({"base_model_name_or_path": "unsloth/x", "r": 16, "peft_type": "LORA"}).encode()


def safetensors() -> bytes:
    header = json.dumps(
        {"model.layers.0.self_attn.q_proj.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
    ).encode()
    return struct.pack("<Q", len(header)) + header + bytes(24)


def arrow(write: Callable[[Any, Any], object]) -> bytes:
    rows = [
        {"prompt": "a" * number, "completion": "b", "n": number, "m": [{"role": "user", "content": "x"}]}
        for number in range(4)
    ]
    sink = pyarrow.BufferOutputStream()
    write(pyarrow.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue().to_pybytes())


def arrow_file(table: Any, sink: Any) -> None:
    with pyarrow.ipc.new_file(sink, table.schema) as stream:
        stream.write_table(table)


@cache
def recorded() -> list[bytes]:
    """The events of a real run: some of each kind, and all of them in pieces."""
    whole = (ROOT / "tests" / "recorded" / "demo-events.jsonl").read_bytes().splitlines(keepends=True)
    return [b"".join(whole[:40]), b"".join(whole[20:60:3]), b"".join(whole[-40:]), b"".join(whole[::9])]


COMMANDS = (
    "check", "diff", "run", "start", "runs", "watch", "attach", "stop", "pause", "resume", "release", "fit", "chat",
    "inspect", "export", "exports", "curve", "delete", "trash", "queue", "submit", "window", "--help", "--version",
)  # fmt: skip
OPTIONS = (
    "--json", "--steps", "--discard", "--to", "--quant", "--push", "--checkpoint", "--prompt", "--temperature",
    "--seed", "--split", "--model", "--format", "--write", "--restore", "--empty", "--trust", "--", "-", "latest", "list",
    "add", "move", "hold", "start", "gguf", "adapter", "1", "-1", "0", "x.csv", "x.svg", ".", "/", "x.toml", "rows.jsonl",
    "2026", "up", "first",
)  # fmt: skip


def command_lines() -> list[bytes]:
    return [
        b"\x1f".join(word.encode() for word in (command, *OPTIONS[at : at + 3]))
        for command in COMMANDS
        for at in range(0, len(OPTIONS), 3)
    ]
