"""Values of a session as they are typed and read."""

from __future__ import annotations

import csv
import io
import re
import tomllib
from typing import Any

import tomli_w

from tui.session.fields import FieldSpec
from tui.session.secrets import host_of

_BARE_WORD = re.compile(r"=\s*([A-Za-z_][\w.\-/]*)\s*(?=,|$)")


def to_text(value: Any) -> str:
    """A value as it is typed: numbers short, lists with commas, nothing for what is left out."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(value)
        return line.getvalue().replace(",", ", ") if not any("," in str(item) for item in value) else line.getvalue()
    if isinstance(value, dict):
        return ", ".join(line for line in tomli_w.dumps(value).splitlines() if line)
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def to_look_at(value: Any, spec: FieldSpec) -> str:
    """A value of a field where it is not typed but shown: of an address that may hold a secret the host alone."""
    return f"(an address at {host_of(value)})" if spec.secret and value else to_text(value)


def from_text(text: str, spec: FieldSpec) -> Any:
    """A value from what was typed. Raises ValueError with a sentence for people."""
    text = text.strip() if spec.kind is not str else text
    if spec.optional and not text.strip():
        return None
    if spec.kind is tuple:
        return _words(text)
    if spec.kind is dict:
        return _settings(text)
    if spec.kind is int:
        try:
            return int(text)
        except ValueError:
            raise ValueError("should be a whole number") from None
    if spec.kind is float:
        try:
            return float(text)
        except ValueError:
            raise ValueError("should be a number, like 0.0002 or 2e-4") from None
    return text


def describe(spec: FieldSpec) -> str:
    """A field in full: what it does, its range, its default, and what it becomes."""
    default = to_text(spec.default) or ("left out" if spec.optional else "empty")
    key = f"keys {', '.join(spec.switches)}" if spec.switches else f"key {spec.key}"
    facts = [f"default {default}", spec.bounds, key, f"becomes {spec.to}" if spec.to and not spec.switches else ""]
    return f"{spec.help}\n{' · '.join(fact for fact in facts if fact)}"


def _words(text: str) -> tuple[str, ...]:
    """A list with commas; an item with a comma in it stands in quotes."""
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error:
        raise ValueError('should be words with commas, and quotes around what has a comma: "a, b", c') from None
    return tuple(word.strip() for word in (rows[0] if rows else []) if word.strip())


def _settings(text: str) -> dict[str, Any]:
    """Settings like ``factor = 2, kind = linear``; words need no quotes."""
    try:
        return tomllib.loads(f"x = {{{_BARE_WORD.sub(_quoted, text)}}}")["x"]  # type: ignore[no-any-return]
    except (ValueError, RecursionError):
        raise ValueError("should be settings with commas, like factor = 2, rope_type = linear") from None


def _quoted(match: re.Match[str]) -> str:
    word = match.group(1)
    return f"= {word}" if word in ("true", "false") else f'= "{word}"'
