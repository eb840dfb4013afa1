"""What pydantic says of a session file, as one sentence about one key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from tui.session.fields import fields_of
from tui.session.problem import Problem
from tui.session.schema import Session
from tui.session.secrets import masked

WANTED = {
    "int_parsing": "should be a number",
    "int_type": "should be a number",
    "float_parsing": "should be a number",
    "float_type": "should be a number",
    "model_type": "should be a table",
    "dict_type": "should be a table",
    "tuple_type": "should be a list",
}


ELSEWHERE = {
    "batch_size": "training.per_device_train_batch_size",
    "epochs": "training.num_train_epochs",
    "lr": "training.learning_rate",
    "max_length": "model.max_seq_length",
    "group_by_length": "training.train_sampling_strategy",
    "evaluation_strategy": "evaluation.eval_strategy",
    "val_size": "evaluation.fraction",
    "lora_r": "lora.r",
    "lora_rank": "lora.r",
    "lora_target": "lora.target_modules",
    "model_name_or_path": "model.name",
    "base_model": "model.name",
    "dataset": "data.source",
}
"""What other programs and older versions of the libraries call a key."""


def explain_all(details: Iterable[ErrorDetails]) -> list[Problem]:
    """One problem a key; of the complaints of every type that a value could have had, one is enough."""
    problems: dict[str, Problem] = {}
    for detail in details:
        problem = _explain(detail)
        problems.setdefault(problem.key, problem)
    return list(problems.values())


def _explain(detail: ErrorDetails) -> Problem:
    path = [str(part) for part in detail["loc"]]
    key = ".".join(path)
    if detail["type"] == "extra_forbidden":
        return Problem(key, f"there is no such key{_did_you_mean(path)}")
    given = "what is there" if _is_secret(path) else masked(shown(detail["input"]))[:80]
    if len(path) > 3 and path[-1] in ("bool", "int", "float", "str"):
        return Problem(".".join(path[:-1]), f"should be a switch, a number or a text, not {given}")
    limits = detail.get("ctx", {})
    match detail["type"]:
        case "string_pattern_mismatch":
            wanted = f"should be like {_declared(path, 'like')}"
        case "too_short":
            wanted = f"should have at least {limits['min_length']} item"
        case "string_too_long":
            wanted = f"should have at most {limits['max_length']} letters"
        case kind:
            wanted = WANTED.get(kind, detail["msg"].removeprefix("Value error, ").removeprefix("Input "))
    return Problem(key, f"{wanted}, not {given}")


def _is_secret(path: list[str]) -> bool:
    """Whether a key may hold what no complaint repeats."""
    return any(spec.secret and spec.key == ".".join(path) for spec in fields_of(Session))


def _declared(path: list[str], name: str) -> Any:
    """What the declaration of a field says besides its type."""
    schema = Session.model_fields[path[0]].annotation
    assert isinstance(schema, type) and issubclass(schema, BaseModel)
    extra: Any = schema.model_fields[path[1]].json_schema_extra
    return extra[name]


def shown(given: Any) -> str:
    """A value as it is quoted in a complaint."""
    try:
        return f'"{given}"' if isinstance(given, str) else str(given)
    except ValueError:  # Python refuses to write numbers of thousands of digits
        return "a number that is far too long"


def _did_you_mean(path: list[str]) -> str:
    schema: type[BaseModel] = Session
    for part in path[:-1]:
        inner = schema.model_fields[part].annotation
        assert isinstance(inner, type) and issubclass(inner, BaseModel)
        schema = inner
    word = path[-1]
    if word in ELSEWHERE:
        return f"; did you mean {ELSEWHERE[word]}?"
    for section, info in Session.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and word in inner.model_fields:
            return f"; did you mean {section}.{word}?"
    if near := difflib.get_close_matches(word, schema.model_fields, n=1, cutoff=0.5):
        return f"; did you mean {'.'.join([*path[:-1], near[0]])}?"
    return f"; known here: {', '.join(schema.model_fields)}"
