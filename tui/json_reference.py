"""The reference of events, commands and JSON output, made from the dataclasses by ``python -m tui.json_reference``."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tui import console
from tui.machine import finding
from tui.run import commands, events
from tui.run.listing import RunRow
from tui.session import diff, problem

PLACE = Path(__file__).parents[1] / "docs" / "events.md"
WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", NoneType: "null", Any: "anything"}
INTRO = """\
# Events, commands and JSON output

<!-- Made from the program by `python -m tui.json_reference`; change the dataclasses instead. -->

Everything here is stable: keys are added, and neither renamed nor removed without a line in CHANGELOG.md. A reader skips
kinds and keys that it does not know. Numbers carry their unit in their name (`_s` seconds, `_bytes`); what is no number is
the text `NaN` or `Infinity`. Secrets are never in any of it.
"""
OUTPUTS = """\
## JSON output of the commands

One object a line on stdout; everything for people goes to stderr. Exit code 0: done; 1: the work failed, or a check found
problems; 2: bad usage.

| Command | Each line |
|---|---|
| `run --json`, `watch --json` | an event, as below |
| `check --json` | a problem |
| `diff --json` | a difference |
| `doctor --json` | a check of this box; then `{"can_train": TEXT}` |
| `runs --json` | a run |
| `inspect --json` | one object: `reading` (how the rows are read), `lint` (what was found), `tokens` (with `--model`) |
| `fit --json` | the event `fitted`, with the answers beside it |
| `chat --json` | an answer: `prompt`, `voice`, `text` and the figures of the event `reply` |
| `queue --json` | a waiting run: `place`, `name`, `on_hold`, `waits_for`, `goes_on` |
| `submit --json` | one object: `name`, `folder`, `script`, `job` or null, `submit_by_hand`, `refused`, `advice` |
| `export --json` | the events of making it, then the export as `exports --json` tells it |
| `exports --json` | an export: what was made of what, with every file's sha256, and what was compared |
"""


def reference() -> str:
    """All of docs/events.md."""
    lines = [INTRO, OUTPUTS]
    lines += _table("A problem (`check`)", problem.Problem)
    lines += _table("A difference (`diff`)", diff.Difference)
    lines += _table("A check of this box (`doctor`)", finding.Finding)
    keys = console.table_row(RunRow(path="", status="finished"))
    lines += ["### A run (`runs`)", "", ", ".join(f"`{key}`" for key in keys), ""]
    lines += [
        "## Events",
        "",
        "A run folder's `events.jsonl`, appended to by the engine. Each line carries `kind` and `time`.",
        "",
    ]
    for event in get_args(events.Event):
        lines += _table(f"`{event.kind}`", event)
    lines += ["## Commands", "", "A run folder's `commands.jsonl`: anybody who may write there can steer the run.", ""]
    for command in get_args(commands.Command):
        lines += _table(f"`{command.kind}`", command)
    return "\n".join(lines)


def _table(title: str, kind: type[Any]) -> Iterator[str]:
    """One dataclass: what it is, and a row for each of its fields."""
    yield from (f"### {title}", "", " ".join((inspect.getdoc(kind) or "").split()), "")
    told, hints = _told(kind), get_type_hints(kind)
    rows = [it for it in fields(kind) if it.name not in ("kind", "time")]
    if rows:
        yield from ("| Key | Value | Default | |", "|---|---|---|---|")
        yield from (
            f"| `{it.name}` | {_escaped(_words(hints[it.name]))} | {_default(it)} | {_escaped(told.get(it.name, ''))} |"
            for it in rows
        )
        yield ""


def _told(kind: type[Any]) -> dict[str, str]:
    """What is written under each field of a class and of those that it is made from."""
    found: dict[str, str] = {}
    for owner in reversed([it for it in kind.__mro__ if it.__module__.startswith("tui.")]):
        body = ast.parse(inspect.getsource(owner)).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, text in zip(body.body, body.body[1:], strict=False):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(said))):
                    found[name] = " ".join(said.split())
    return found


def _words(hint: Any) -> str:
    """A type, in the words of JSON."""
    inner = [_words(it) for it in get_args(hint) if it is not ...] if get_origin(hint) is not Literal else []
    match get_origin(hint):
        case origin if origin is Literal:
            return ", ".join(f"`{json.dumps(word)}`" for word in get_args(hint))
        case origin if origin in (Union, UnionType):
            return " or ".join(inner)
        case origin if origin is tuple:
            return f"list of {', '.join(dict.fromkeys(inner))}"
        case origin if origin is not None:
            return "object"
    return WORDS.get(hint, "object")


def _default(field: Field[Any]) -> str:
    if field.default is MISSING:
        return "" if field.default_factory is MISSING else "empty"
    return "its defaults" if is_dataclass(field.default) else f"`{json.dumps(field.default)}`"


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


if __name__ == "__main__":
    PLACE.write_text(reference(), encoding="utf-8")
