"""What every table of a session has in common."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, ValidatorFunctionWrapHandler, field_validator

from tui.session.secrets import SECRET

Settings = dict[str, bool | int | float | str]
"""A small table of settings that a library defines, passed on as it is."""

SEED_LIMIT = 4_294_967_295
"""The largest seed that numpy takes."""


class Section(BaseModel):
    """A table of the session file: immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="wrap")
    @classmethod
    def _is_fit_to_keep(cls, value: Any, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> Any:
        """What holds for every value. In one validator, as each costs a window time to begin."""
        found = read(cls._no_number_is_true(value, info) if isinstance(value, bool) else value)
        _hold_no_secret(found)
        _fit_toml(found)
        return found

    @classmethod
    def _no_number_is_true(cls, value: bool, info: ValidationInfo) -> Any:
        """``true`` is no number, although Python takes it for 1; a choice that has the word takes it as one."""
        wanted = cls.model_fields[info.field_name or ""].annotation
        kinds = () if get_origin(wanted) in (tuple, dict) else (wanted, *get_args(wanted))
        plain = {int, float, str} & set(kinds) or get_origin(wanted) is Literal
        if wanted is bool or bool in get_args(wanted) or not plain:
            return value
        if "true" in get_args(wanted):
            return str(value).lower()
        raise ValueError("should be a number or a text")


def _hold_no_secret(value: Any) -> None:
    """Sessions are kept, copied and shown."""
    items = value if isinstance(value, tuple) else value.values() if isinstance(value, dict) else (value,)
    if any(isinstance(item, str) and SECRET.search(item) for item in items):
        raise ValueError("should hold no token and no password; log in with hf auth login, or set a variable")


def _fit_toml(value: Any) -> None:
    """Whole numbers of a TOML file have 64 bits; longer ones could not be written again."""
    for number in value.values() if isinstance(value, dict) else (value,):
        if isinstance(number, int) and not -(2**63) <= number < 2**63:
            raise ValueError("should be less than 2**63")
