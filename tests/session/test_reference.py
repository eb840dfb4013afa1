"""What is written about the session file is what the schema says."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.session.strategies import SPECS
from tui.session import file
from tui.session.reference import INTRO, PLACE, reference
from tui.session.schema import Session
from tui.session.sections.model import PRECISIONS

CELL = re.compile(r"(?<!\\)\|")
"""What parts two cells of a table."""


def rows() -> dict[str, list[str]]:
    """The cells of each row, by the key of the session."""
    found, section = {}, ""
    for line in reference().splitlines():
        if line.startswith("## ["):
            section = line[4:-1]
        elif line.startswith("| ") and not line.startswith("| Key "):
            cells = [cell.strip() for cell in CELL.split(line)[1:-1]]
            found[f"{section}.{cells[0].strip('*`')}"] = cells
    return found


ROWS = rows()


def test_the_page_is_up_to_date() -> None:
    stale = "docs/session.md is not what the schema says; run: python -m tui.session.reference"
    assert PLACE.is_file() and PLACE.read_text(encoding="utf-8") == reference(), stale


def test_every_field_has_a_row_and_every_row_is_a_field() -> None:
    assert list(ROWS) == list(SPECS)
    assert {len(cells) for cells in ROWS.values()} == {6}


def test_every_section_says_what_it_is_for() -> None:
    for name in Session.model_fields:
        assert re.search(rf"^## \[{name}\]\n\n[A-Z].*\.\n\n", reference(), re.MULTILINE), name


@pytest.mark.parametrize(
    ("key", "cells"),
    [
        ("training.max_steps", ("whole number, at least 1, updates", "left out", "`SFTConfig.max_steps`")),
        ("training.learning_rate", ("number, more than 0, at most 1", "`0.0002`", "`SFTConfig.learning_rate`")),
        ("model.device", ("text, like auto, cpu, 0, or 0,1", '`"auto"`', "`CUDA_VISIBLE_DEVICES`")),
        ("model.load_in_4bit", ("`true` or `false`", "`true`", "`FastLanguageModel.from_pretrained.load_in_4bit`")),
        ("model.rope_scaling", ("table", "left out", "`FastLanguageModel.from_pretrained.rope_scaling`")),
        (
            "export.kinds",
            ('list of `"merged-16bit"`, `"merged-4bit"`, `"gguf"`', "`[]`", "`save_pretrained_merged.save_method`"),
        ),
        ("lora.bias", ('`"none"`, `"all"`, `"lora_only"`', '`"none"`', "`FastLanguageModel.get_peft_model.bias`")),
        ("run.notes", ("text", '`""`', "")),
    ],
)
def test_a_row_tells_what_may_be_written_and_what_it_becomes(key: str, cells: tuple[str, str, str]) -> None:
    _, title, values, default, help, becomes = ROWS[key]
    assert (values, default, becomes) == cells
    assert (title, help) == (SPECS[key].title, SPECS[key].help.replace("|", "\\|"))


def test_every_default_can_be_copied_into_a_file() -> None:
    for key, (_, _, _, told, *_) in ROWS.items():
        if told != "left out":
            section, _, name = key.partition(".")
            text = f"[{section}]\n{name} = {told.strip('`')}"
            file.parse(text)
            default = SPECS[key].default
            assert tomllib.loads(text)[section][name] == (list(default) if isinstance(default, tuple) else default), key


def test_the_example_is_a_sound_session() -> None:
    example = INTRO.partition("```toml\n")[2].partition("```")[0]
    session = file.parse(example)
    assert (session.training.max_steps, session.export.kinds) == (60, ("merged-16bit", "gguf"))


def test_switches_of_which_one_is_on_are_said_to_be() -> None:
    words = [f"`{name}`" for name in PRECISIONS]
    assert f"exactly one of {', '.join(words[:-1])} and {words[-1]} is on." in reference()
