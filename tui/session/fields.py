"""How one field of a session is declared, and how forms, checks and help read that declaration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, Field
from pydantic.fields import FieldInfo


def option(
    default: Any,
    title: str,
    help: str,
    *,
    to: str = "",
    unit: str = "",
    main: bool = False,
    group: str = "",
    like: str = "",
    secret: bool = False,
    **constraints: Any,
) -> Any:
    """Declare one field: its default, its title, one sentence of help, and what it becomes.

    `to` names the library parameter the value is passed to (``SFTConfig.learning_rate``), `unit` what it counts,
    `main` puts it among the few fields that are shown first. Of the switches of one `group` exactly one is on, and a
    form shows them as one choice. `like` says in words what a `pattern` asks for. Of a `secret` address only the host is
    shown, but where it is typed. `constraints` are pydantic's (``ge``, ``le``, ``pattern`` ...).
    """
    extra: Any = {"to": to, "unit": unit, "main": main, "group": group, "like": like, "secret": secret}
    return Field(default, title=title, description=help, json_schema_extra=extra, **constraints)


@dataclass(frozen=True)
class FieldSpec:
    """One field of the schema, ready to be shown."""

    key: str
    """``training.learning_rate``"""
    title: str
    help: str
    unit: str
    to: str
    main: bool
    default: Any
    kind: type
    """bool, int, float, str, tuple or dict."""
    choices: tuple[str, ...]
    """The allowed words of a choice, or of each item of a tuple; else empty."""
    optional: bool
    """Whether the value may be left out (None)."""
    bounds: str
    """The allowed range in words, else empty."""
    group: str = ""
    """The title of the choice that this switch is a part of."""
    switches: tuple[str, ...] = ()
    """The keys of the switches that this choice stands for, one for each of `choices`."""
    secret: bool = False
    """Whether it is an address of which only the host is shown."""

    @property
    def section(self) -> str:
        return self.key.partition(".")[0]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of the session that this field shows."""
        return self.switches or (self.key,)

    def value_in(self, session: BaseModel) -> Any:
        """The field's value in a session; of switches, the word of the first that is on."""
        if not self.switches:
            return get_value(session, self.key)
        on = (word for word, key in zip(self.choices, self.switches, strict=True) if get_value(session, key))
        return next(on, "")

    def changes(self, value: Any) -> dict[str, Any]:
        """What giving the field this value changes in a session, by key."""
        if not self.switches:
            return {self.key: value}
        return {key: word == value for word, key in zip(self.choices, self.switches, strict=True)}


@cache
def form_fields(schema: type[BaseModel]) -> tuple[FieldSpec, ...]:
    """The fields as a form shows them: switches of which exactly one is on are one choice."""
    specs = list(fields_of(schema))
    groups = [spec.group for spec in specs]
    return tuple(
        _choice_of([member for member in specs if member.group == spec.group]) if spec.group else spec
        for at, spec in enumerate(specs)
        if not spec.group or groups.index(spec.group) == at
    )


def _choice_of(members: list[FieldSpec]) -> FieldSpec:
    first = members[0]
    return replace(
        first,
        key=f"{first.section}.{first.group.lower()}",
        title=first.group,
        help=" ".join(f"{member.title}: {member.help}" for member in members),
        to=", ".join(member.to.rpartition(".")[2] for member in members),
        default=next(member.title for member in members if member.default),
        kind=str,
        choices=tuple(member.title for member in members),
        switches=tuple(member.key for member in members),
    )


def fields_of(schema: type[BaseModel], prefix: str = "") -> Iterator[FieldSpec]:
    """Every leaf field of a schema, in the order of its declaration."""
    for name, info in schema.model_fields.items():
        annotation = info.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from fields_of(annotation, f"{prefix}{name}.")
        else:
            yield _spec(f"{prefix}{name}", info)


def _spec(key: str, info: FieldInfo) -> FieldSpec:
    kind, choices, optional = _unwrap(info.annotation)
    extra: Any = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return FieldSpec(
        key=key,
        title=info.title or key,
        help=info.description or "",
        unit=extra.get("unit", ""),
        to=extra.get("to", ""),
        main=extra.get("main", False),
        default=info.get_default(call_default_factory=True),
        kind=kind,
        choices=choices,
        optional=optional,
        bounds=_bounds(info.metadata) or extra.get("like", ""),
        group=extra.get("group", ""),
        secret=extra.get("secret", False),
    )


def _unwrap(annotation: Any) -> tuple[type, tuple[str, ...], bool]:
    """The plain type behind an annotation, its choices, and whether None is allowed."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        inner = [part for part in get_args(annotation) if part is not NoneType]
        kind, choices, _ = _unwrap(inner[0])
        return kind, choices, NoneType in get_args(annotation)
    if origin is Literal:
        return str, tuple(str(choice) for choice in get_args(annotation)), False
    if origin is tuple:
        return tuple, _unwrap(get_args(annotation)[0])[1], False
    return (origin or annotation), (), False


def _bounds(metadata: list[Any]) -> str:
    words = []
    for item in metadata:
        match item:
            case Ge(ge=low):
                words.append(f"at least {low}")
            case Gt(gt=low):
                words.append(f"more than {low}")
            case Le(le=high):
                words.append(f"at most {high}")
            case Lt(lt=high):
                words.append(f"less than {high}")
    return ", ".join(words)


def get_value(model: BaseModel, key: str) -> Any:
    """The value at a dotted key of a session."""
    value: Any = model
    for part in key.split("."):
        value = getattr(value, part)
    return value


def arguments(session: BaseModel, call: str) -> dict[str, Any]:
    """What a session passes to one call of a library: parameter to value, without the values that are left out.

    `call` is the part of ``to`` before the parameter, like ``SFTConfig`` or ``FastLanguageModel.get_peft_model``.
    """
    return {
        spec.to.rpartition(".")[2]: value
        for spec in fields_of(type(session))
        if spec.to.rpartition(".")[0] == call and (value := get_value(session, spec.key)) is not None
    }
