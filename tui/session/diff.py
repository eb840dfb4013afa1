"""What two sessions differ in."""

from __future__ import annotations

from dataclasses import dataclass

from tui.session.fields import FieldSpec, form_fields
from tui.session.schema import Session
from tui.session.text import to_look_at

LEFT_OUT = "left out"


@dataclass(frozen=True)
class Difference:
    """One field that two sessions give different values, both as text."""

    key: str
    title: str
    before: str
    after: str


def differences(before: Session, after: Session) -> list[Difference]:
    """Every field that differs, in the order of the session file."""
    return [
        Difference(spec.key, spec.title, _shown(old, spec), _shown(new, spec))
        for spec in form_fields(Session)
        if (old := spec.value_in(before)) != (new := spec.value_in(after))
    ]


def _shown(value: object, spec: FieldSpec) -> str:
    return to_look_at(value, spec) or LEFT_OUT
