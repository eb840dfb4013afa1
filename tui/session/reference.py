"""The reference of the session file, made from the schema; ``python -m tui.session.reference`` writes docs/session.md."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.session import file
from tui.session.fields import FieldSpec, fields_of
from tui.session.schema import Session

PLACE = Path(__file__).parents[2] / "docs" / "session.md"

INTRO = f"""\
# The session file

<!-- Made from the schema by `python -m tui.session.reference`; change the schema instead. -->

A session is one request: which model is trained on what data, how, and what becomes of it. It is a TOML file with one
table for each section below. Only `model.name` and `data.source` are required; everything else has a default.

```toml
version = {file.VERSION}

[model]
name = "unsloth/Qwen3-4B"

[data]
source = "train.jsonl"

[training]
max_steps = 60
lr_scheduler_type = "cosine_with_min_lr"
lr_scheduler_kwargs = {{ min_lr_rate = 0.1 }}

[export]
kinds = ["merged-16bit", "gguf"]
```

- `unsloth-tui check SESSION.toml` says everything that is wrong with it, before anything is loaded.
- Lists are written in square brackets, tables of settings in braces, as above. What may be left out has no value for that
  in TOML: leave out its line.
- Relative paths are taken from the folder of the file.
- `version` is the version of the file; a file without one is of version 1, and a newer one is refused.
- The keys in **bold** are those that most sessions change.
"""

KINDS: dict[type, str] = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text", dict: "table"}


def reference() -> str:
    """All of docs/session.md."""
    return "\n".join([INTRO, *(line for name in Session.model_fields for line in _section(name))])


def _section(name: str) -> Iterator[str]:
    """One section: what it is for, which switches belong together, and a row for each field."""
    specs = [spec for spec in fields_of(Session) if spec.section == name]
    purpose = (inspect.getdoc(inspect.getmodule(Session.model_fields[name].annotation)) or "").partition(": ")[2]
    yield f"## [{name}]\n\n{purpose[:1].upper()}{purpose[1:]}\n"
    for group in dict.fromkeys(spec.group for spec in specs if spec.group):
        switches = [f"`{_name(spec)}`" for spec in specs if spec.group == group]
        yield f"{group}: exactly one of {', '.join(switches[:-1])} and {switches[-1]} is on.\n"
    yield "| Key | Title | Value | Default | What it does | Becomes |\n|---|---|---|---|---|---|"
    yield from (_row(spec) for spec in specs)
    yield ""


def _row(spec: FieldSpec) -> str:
    key = f"**`{_name(spec)}`**" if spec.main else f"`{_name(spec)}`"
    default = "left out" if spec.default is None else f"`{_toml(spec.default)}`"
    cells = (key, spec.title, _values(spec), default, spec.help, f"`{spec.to}`" if spec.to else "")
    return f"| {' | '.join(map(_escaped, cells))} |"


def _values(spec: FieldSpec) -> str:
    """What may be written, its range and its unit."""
    words = ", ".join(f"`{_toml(choice)}`" for choice in spec.choices)
    kind = f"list of {words or 'texts'}" if spec.kind is tuple else words or KINDS[spec.kind]
    like = "like " if spec.bounds and spec.kind is str else ""
    return ", ".join(part for part in (kind, f"{like}{spec.bounds}", spec.unit) if part)


def _escaped(cell: str) -> str:
    """What would end the cell of a table does not."""
    return cell.replace("|", "\\|")


def _name(spec: FieldSpec) -> str:
    return spec.key.partition(".")[2]


def _toml(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    PLACE.write_text(reference(), encoding="utf-8")
