"""Rows in every format, what they mean, and the chat templates they are tried with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MAX_LENGTH = 640
TEMPLATES = ("own", "chatml", "llama-3", "gemma", "mistral", "alpaca", "qwen3-thinking", "own.jinja")
MAKES_TOOLS = ("qwen3-thinking",)
LIKE_LLAMA = ("llama-3", "own.jinja")
"""Tried with a tokenizer that has Llama's tokens and begins every text with one of them by itself."""
ENDS = {"llama-3": "<|eot_id|>", "own.jinja": "<|eot_id|>", "gemma": "<end_of_turn>"}
"""What ends an answer; elsewhere the tiny model's own ``<|im_end|>``."""
JINJA = (
    "{{ bos_token }}{% for message in messages %}<{{ message['role'] }}> {{ message['content'] }}{{ eos_token }}\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)
"""A template that begins with the begin token by its variable, as Llama's do."""

Turns = list[dict[str, Any]]
Meant = tuple[Turns | None, list[dict[str, Any]] | None, str]


@dataclass(frozen=True)
class Case:
    """Rows of one format."""

    name: str
    rows: list[dict[str, Any]]
    meant: list[Meant]
    """What each row is: turns and tools, or else a text."""
    data: dict[str, Any] = field(default_factory=dict)
    masked: bool = True
    markers: dict[str, str] = field(default_factory=dict)
    tokens: bool = False
    templates: tuple[str, ...] = TEMPLATES


QUESTIONS = ["how do I list files?", "show the date", "count lines in a.txt", "where am I?", "free space"]
ANSWERS = ["ls", "date '+%F'", "wc -l a.txt", "pwd", "df -h"]


def said(*texts: str) -> Turns:
    """Turns of user and assistant in turns."""
    return [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(texts)]


def _meant(conversations: list[Turns]) -> list[Meant]:
    return [(turns, None, "") for turns in conversations]


PAIRS = [said(question, answer) for question, answer in zip(QUESTIONS, ANSWERS, strict=True)]
SEVERAL = [
    said("hi", "hello", "list files", "ls", "and hidden ones?", "ls -a"),
    said("show the date", "date"),
    said("one", "two", "three", "four"),
]
SYSTEM = [[{"role": "system", "content": "You know the shell."}, *turns] for turns in [*PAIRS[:3], *SEVERAL[:1]]]
LONG = "and then " * 400
TRUNCATED = [
    PAIRS[0],
    said("say it " + LONG, "no answer fits"),
    said("list", "ls " + LONG),
    said("hi", "hello", "and " + LONG, "nothing of this is seen"),
    PAIRS[1],
]
TOOLS = [{"type": "function", "function": {"name": "run", "description": "Runs it", "parameters": {"type": "object"}}}]
CALL = {"type": "function", "function": {"name": "run", "arguments": {"command": "ls"}}}
CALLING: Turns = [
    {"role": "user", "content": "list files"},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "a.txt", "name": "run"},
    {"role": "assistant", "content": "There is a.txt."},
]
THINKING: Turns = [
    {"role": "user", "content": "list files"},
    {"role": "assistant", "content": "ls", "reasoning_content": "They want files."},
]
NAMES = {"user": "human", "assistant": "gpt", "system": "system"}
TEXTS = ["A first paragraph about shells.", "A second one.", "Lists: " + LONG]
MARKERS = {"instruction_part": "### Instruction:\n", "response_part": "### Response:\n"}
BOTH = list(zip(QUESTIONS, ANSWERS, strict=True))
ALPACA_TEXTS = [f"### Instruction:\n{q}\n\n### Response:\n{a}" for q, a in BOTH]
EXTRA = ["", "in /tmp", "", "in /etc", ""]
IN_TOKENS = [
    {"input_ids": [1, 9, 8, 7, 2], "labels": [-100, -100, 8, 7, 2]},
    {"input_ids": [1, 5, 2], "labels": [1, 5, 2]},
]


def _messages(name: str, conversations: list[Turns], **chosen: Any) -> Case:
    return Case(name, [{"messages": turns} for turns in conversations], _meant(conversations), **chosen)


def _shared(turns: Turns) -> dict[str, Any]:
    return {"conversations": [{"from": NAMES[turn["role"]], "value": turn["content"]} for turn in turns]}


CASES = (
    _messages("messages", PAIRS),
    _messages("several turns", SEVERAL),
    _messages("system", SYSTEM, templates=tuple(name for name in TEMPLATES if name != "gemma")),
    _messages("truncated", TRUNCATED),
    _messages("questions too", TRUNCATED, data={"train_on_responses_only": False}, masked=False),
    Case("sharegpt", [_shared(turns) for turns in SEVERAL], _meant(SEVERAL)),
    Case(
        "alpaca",
        [{"instruction": q, "input": extra, "output": a} for (q, a), extra in zip(BOTH, EXTRA, strict=True)],
        _meant([said(f"{q}\n\n{extra}" if extra else q, a) for (q, a), extra in zip(BOTH, EXTRA, strict=True)]),
    ),
    Case("prompt-completion", [{"prompt": q, "completion": a} for q, a in BOTH], _meant(PAIRS)),
    Case(
        "columns",
        [{"lang": "sh", "task": q, "code": a} for q, a in BOTH],
        _meant([said(f"{q} in sh", a) for q, a in BOTH]),
        {"format": "columns", "user": "{task} in {lang}", "assistant": "{code}"},
    ),
    Case("text", [{"text": text} for text in TEXTS], [(None, None, text) for text in TEXTS], masked=False),
    Case(
        "text with markers",
        [{"text": text} for text in ALPACA_TEXTS],
        [(None, None, text) for text in ALPACA_TEXTS],
        MARKERS,
        markers=MARKERS,
    ),
    Case("tokens", IN_TOKENS, [], masked=False, tokens=True),
    Case("tools", [{"messages": CALLING, "tools": TOOLS}] * 2, [(CALLING, TOOLS, "")] * 2, templates=MAKES_TOOLS),
    _messages("reasoning", [THINKING, THINKING], templates=MAKES_TOOLS),
)
