"""A preset trains the way its name says, leaves what is trained alone, and can always be applied."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from tests.session.strategies import tables
from tui.session import file
from tui.session.checks import check
from tui.session.diff import differences
from tui.session.fields import fields_of
from tui.session.presets import KEPT, list_presets, own_presets_folder, save_preset
from tui.session.schema import Session

BUILT_IN = list_presets()
SOUND = file.from_table({"model": {"name": "owner/model"}, "data": {"source": "train.jsonl"}})


def test_the_presets_people_look_for_are_there() -> None:
    assert [preset.title for preset in BUILT_IN] == [
        "Quick try", "Balanced QLoRA", "High quality", "Small GPU (8 GB)", "Big GPU (80 GB and more)", "Full fine-tuning",
        "Continued pre-training", "Short answers",
    ]  # fmt: skip
    assert all(preset.help and not preset.problem for preset in BUILT_IN)


@pytest.mark.parametrize("preset", BUILT_IN, ids=lambda preset: preset.name)
def test_a_preset_is_a_session_that_nothing_is_wrong_with(preset: object) -> None:
    session = preset.applied_to(SOUND)  # type: ignore[attr-defined]
    assert check(session) == []
    assert differences(SOUND, session), "it changes something"


@pytest.mark.parametrize("preset", BUILT_IN, ids=lambda preset: preset.name)
@settings(max_examples=20)
@given(table=tables())
def test_what_is_trained_stays_and_how_it_was_trained_does_not_matter(preset: object, table: dict[str, object]) -> None:
    before = file.from_table(table)
    after = preset.applied_to(before)  # type: ignore[attr-defined]
    for section, names in KEPT.items():
        for name in names:
            assert getattr(getattr(after, section), name) == getattr(getattr(before, section), name)
    assert after.run == before.run
    assert preset.applied_to(after) == after  # type: ignore[attr-defined]


def test_ones_own_preset_gives_back_how_a_session_trained(tmp_path: Path) -> None:
    mine = file.replace_values(SOUND, {"lora.r": 99, "training.learning_rate": 1e-3, "training.seed": 1, "run.name": "x"})
    save_preset(own_presets_folder() / "mine.toml", mine)
    (kept,) = (preset for preset in list_presets() if preset.own)
    again = kept.applied_to(SOUND)
    assert (again.lora.r, again.training.learning_rate) == (99, 1e-3)
    assert (again.training.seed, again.run.name) == (SOUND.training.seed, "")


@pytest.mark.parametrize(
    "text", ["[", "[training]\nmax_step = 1\n", "preset = 1\n", "training = 1\n", "x = 1\n", "\ufeff[lora]\nr = 'a'\n"]
)
def test_a_damaged_preset_of_ones_own_says_why_and_hides_no_other(text: str) -> None:
    own_presets_folder().mkdir(parents=True)
    (own_presets_folder() / "bad.toml").write_text(text)
    presets = list_presets()
    assert len(presets) == len(BUILT_IN) + 1
    assert presets[-1].problem.startswith("bad.toml cannot be used: ")


def test_every_field_a_preset_leaves_alone_exists() -> None:
    keys = {spec.key for spec in fields_of(Session)}
    assert {f"{section}.{name}" for section, names in KEPT.items() for name in names} <= keys
