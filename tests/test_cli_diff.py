"""`unsloth-tui diff` tells what a session changes in the words of its file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.test_cli_bad_input import Ask, ask
from tui.session.fields import fields_of
from tui.session.schema import Session

__all__ = ["ask"]  # a fixture

KEYS = {spec.key for spec in fields_of(Session)}


@pytest.mark.parametrize(
    ("model", "changed"),
    [
        ("load_in_8bit = true", {"load_in_4bit": ["on", "off"], "load_in_8bit": ["off", "on"]}),
        ("load_in_4bit = false", {"load_in_4bit": ["on", "off"], "load_in_16bit": ["off", "on"]}),
        ("full_finetuning = true", {"load_in_4bit": ["on", "off"], "full_finetuning": ["off", "on"]}),
    ],
)
def test_a_precision_is_told_by_keys_that_a_script_can_write_into_a_session(
    ask: Ask, tmp_path: Path, model: str, changed: dict[str, list[str]]
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f"[model]\n{model}\n[lora]\nr = 4\n")
    told = {it["key"]: [it["before"], it["after"]] for it in map(json.loads, ask("diff", path, "--json").out.splitlines())}
    assert told == {f"model.{name}": values for name, values in changed.items()} | {"lora.r": ["16", "4"]}
    assert told.keys() <= KEYS and [line.split()[0] for line in ask("diff", path).out.splitlines()] == list(told)


def test_a_session_does_not_differ_from_itself(ask: Ask, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("[model]\nload_in_16bit = true\n")
    assert ask("diff", path, path).out == ""
