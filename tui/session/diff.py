"""What two sessions differ in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tui.session.fields import FieldSpec, fields_of, form_fields
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
    """Every field of the form that differs, in the order of the session file."""
    return _differing(before, after, form_fields(Session))


def key_differences(before: Session, after: Session) -> list[Difference]:
    """Every key of the session file that differs, in its order: switches that are one field of the form each by itself."""
    return _differing(before, after, fields_of(Session))


def _differing(before: Session, after: Session, specs: Iterable[FieldSpec]) -> list[Difference]:
    return [
        Difference(spec.key, spec.title, _shown(old, spec), _shown(new, spec))
        for spec in specs
        if (old := spec.value_in(before)) != (new := spec.value_in(after))
    ]


def _shown(value: object, spec: FieldSpec) -> str:
    return to_look_at(value, spec) or LEFT_OUT
