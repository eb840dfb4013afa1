"""Somebody who writes no code fills the form by keyboard: finds fields, sees what is wrong, mends it, and loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, OptionList, Static

from tests.screens.conftest import settled, until
from tui import desk_app
from tui.app import UnslothTui
from tui.run.folder import RunFolder, list_runs
from tui.screens.dialogs.ask import AskDialog
from tui.screens.dialogs.differences import ChangesDialog, PresetDialog
from tui.screens.dialogs.open import OpenDialog
from tui.screens.messages import SessionEdited
from tui.session import drafts, file
from tui.session.fields import FieldSpec, form_fields
from tui.session.presets import list_presets, own_presets_folder
from tui.session.schema import Session
from tui.widgets.choice import Choice, LongChoice
from tui.widgets.field_row import FieldRow
from tui.widgets.form import SectionFields
from tui.widgets.paths import PathSuggester

FIELDS = [spec for spec in form_fields(Session) if spec.key not in ("model.name", "data.source")]
TYPED = {int: "7", float: "0.5", str: "words", tuple: "one, two", dict: "factor = 2"}
SPECIAL = {
    "model.device": "cpu", "evaluation.metric_for_best_model": "eval_x", "training.custom_loss": "loss.py:mine",
    "export.kinds": "gguf", "model.max_seq_length": "512", "data.split": "train[:5]",
    "evaluation.split": "test[:5]", "data.mix_weights": "1, 2",
    "data.mix_counts": "1, 2", "data.roles": "bot = assistant", "guards.loss_spike_factor": "2",
    "guards.exploding_gradients_factor": "2", "guards.stalled_factor": "2", "run.webhook": "https://example.com/told",
    "cluster.mem": "64G", "cluster.time": "30", "cluster.bucket": "s3://mine/runs",
}  # fmt: skip


def row(app: UnslothTui, key: str) -> FieldRow:
    """The visible row of a field."""
    return next(row for row in app.screen.query(FieldRow) if row.spec.key == key and row.is_on_screen)


def told(app: UnslothTui, selector: str) -> str:
    widget = app.screen.query_one(selector)
    assert isinstance(widget, Static)
    return str(widget.content)


def found(app: UnslothTui) -> list[str]:
    """The fields that a search shows, once they can be typed into."""
    rows = app.screen.query("#found FieldRow").results(FieldRow)
    return [it.spec.key for it in rows if it.query("Input, Choice, LongChoice")]


async def calm(pilot: Pilot[None]) -> None:
    """Let a key do all it does: an edit goes from the row to the window and comes back through the screen."""
    for _ in range(4):
        await pilot.pause()


async def tune(pilot: Pilot[None]) -> None:
    await pilot.press("f4")
    await settled(pilot)


async def edited(pilot: Pilot[None], **changes: object) -> None:
    pilot.app.post_message(SessionEdited({key.replace("__", "."): value for key, value in changes.items()}))
    await calm(pilot)


@pytest.mark.slow
async def test_a_field_of_each_kind_is_found_by_its_key_and_set(desk: Session) -> None:
    kinds = {(spec.kind, bool(spec.choices), spec.default is None): spec for spec in FIELDS}
    await _are_found_and_set(UnslothTui(desk), list(kinds.values()))


@pytest.mark.campaign
async def test_every_field_is_found_by_its_key_and_set(desk: Session) -> None:
    await _are_found_and_set(UnslothTui(desk), FIELDS)


async def _are_found_and_set(app: UnslothTui, fields: list[FieldSpec]) -> None:
    """Search for each field, type or choose another value, and see it in the session."""
    async with app.run_test() as pilot:
        await tune(pilot)
        await pilot.press("ctrl+f")
        for spec in fields:
            app.screen.query_one("#search", Input).value = spec.key
            await until(pilot, lambda spec=spec: spec.key in found(app))
            field = next(it for it in app.screen.query("#found FieldRow").results(FieldRow) if it.spec == spec)
            field.editor.focus()
            before = field.value
            match field.editor:
                case Choice():
                    await pilot.press("right")
                case LongChoice():
                    await pilot.press("enter", "down", "enter")
                case Input() as entry:
                    entry.value = SPECIAL.get(spec.key, TYPED[spec.kind])
            await until(pilot, lambda spec=spec, before=before: spec.value_in(app.session) != before)
            assert not field.complaint, spec.key
        assert all(spec.value_in(app.session) != spec.default for spec in fields)


async def test_up_and_down_go_from_field_to_field_and_into_a_section(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await tune(pilot)
        await pilot.press("down", "down")
        assert app.focused is row(app, "lora.r").editor
        await pilot.press("up", "up", "up")  # from the first field around to the last section
        await calm(pilot)
        assert isinstance(app.focused, SectionFields)
        await pilot.press("enter", "down")
        await calm(pilot)
        assert app.focused is row(app, "run.name").editor
        assert "Name" not in told(app, "#outcome") and "used in the name of its folder" in told(app, "#help")
        await pilot.press("up", "enter")
        await calm(pilot)
        assert not any(it.spec.key == "run.name" and it.display for it in app.screen.query(FieldRow))


async def test_search_finds_a_field_by_a_word_of_its_help_and_escape_gives_the_form_back(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await tune(pilot)
        await pilot.press("/", *"over-fit")
        await calm(pilot)
        await until(pilot, lambda: {"training.weight_decay", "lora.lora_dropout"} <= set(found(app)))
        assert not app.screen.query_one("#body").display
        await pilot.press("escape")
        await calm(pilot)
        assert app.screen.query_one("#body").display and not app.screen.query("#found FieldRow")


async def test_what_was_typed_wrong_in_a_search_is_still_there_after_it(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await tune(pilot)
        for key in ("lora.r", "training.weight_decay"):  # one is in the form, the other in a section that is still folded
            await pilot.press("ctrl+f")
            app.screen.query_one("#search", Input).value = key
            await until(pilot, lambda key=key: found(app)[:1] == [key])
            app.screen.query("#found FieldRow").first(FieldRow).query_one(Input).value = "many"
            await calm(pilot)
            await pilot.press("escape")
            await calm(pilot)
        section = next(it for it in app.screen.query(SectionFields) if it.specs[0].section == "training")
        section.action_unfold()
        await calm(pilot)
        for key in ("lora.r", "training.weight_decay"):
            field = next(it for it in app.screen.query("#body FieldRow").results(FieldRow) if it.spec.key == key)
            assert field.query_one(Input).value == "many" and field.has_class("-wrong"), key
        assert "Rank (r): should be a whole number" in told(app, "#outcome")
        await pilot.press("ctrl+f")
        app.screen.query_one("#search", Input).value = "lora.r"
        await until(pilot, lambda: found(app)[:1] == ["lora.r"])
        app.screen.query("#found FieldRow").first(FieldRow).query_one(Input).value = "8"
        await calm(pilot)
        await pilot.press("escape")
        await calm(pilot)
        assert row(app, "lora.r").query_one(Input).value == "8" and "Rank (r): should" not in told(app, "#outcome")


async def test_a_slash_in_a_text_field_is_a_letter(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test(size=(140, 40)) as pilot:
        await tune(pilot)
        row(app, "evaluation.source").editor.focus()
        await pilot.press(*"data/held.jsonl")
        await calm(pilot)
        assert app.session.evaluation.source == "data/held.jsonl"


async def test_what_is_wrong_is_said_at_its_field_and_one_key_mends_it(desk: Session) -> None:
    app = UnslothTui(file.replace_values(desk, {"training.learning_rate": 0.01, "model.max_seq_length": 100_000}))
    async with app.run_test(size=(140, 40)) as pilot:
        await tune(pilot)
        rate = row(app, "training.learning_rate")
        assert rate.has_class("-advised")
        rate.editor.focus()
        await calm(pilot)
        assert "is high for LoRA" in told(app, "#help") and "F8: Learning rate 0.0002" in told(app, "#help")
        await pilot.press("f8")
        await until(pilot, lambda: rate.query_one(Input).value == "0.0002")
        assert app.session.training.learning_rate == 2e-4
        assert not rate.has_class("-advised")
        await pilot.press("f8")  # nothing is wrong here any more: the next thing is mended
        await until(pilot, lambda: app.session.model.max_seq_length == 4096)
        await until(pilot, lambda: "Nothing is wrong" in told(app, "#outcome"))


async def test_a_problem_inside_a_folded_section_is_counted_on_it(desk: Session) -> None:
    app = UnslothTui(file.replace_value(desk, "training.weight_decay", 0.5))
    async with app.run_test() as pilot:
        await tune(pilot)
        (title,) = [str(it.render()) for it in app.screen.query(SectionFields) if it.specs[0].section == "training"]
        assert title.endswith("1 changed, 1 to look at")


async def test_a_key_puts_the_default_back_and_drops_what_was_wrong(desk: Session) -> None:
    app = UnslothTui(file.replace_value(desk, "lora.r", 64))
    async with app.run_test() as pilot:
        await tune(pilot)
        rank = row(app, "lora.r")
        rank.editor.focus()
        await pilot.press("home", "ctrl+k", *"many")
        await calm(pilot)
        assert rank.has_class("-wrong") and app.session.lora.r == 64
        await pilot.press("ctrl+r")
        await calm(pilot)
        assert app.session.lora.r == 16 and rank.query_one(Input).value == "16"
        assert not rank.has_class("-wrong") and not rank.has_class("-changed")


async def test_what_is_typed_wrong_is_not_saved_as_something_else_unasked(desk: Session, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    file.save(desk, path)
    app = UnslothTui(file.load(path), path)
    async with app.run_test() as pilot:
        await tune(pilot)
        row(app, "lora.r").editor.focus()
        await pilot.press("home", "ctrl+k", *"12O")
        await calm(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert "lora.r: should be a whole number" in app.screen.question  # type: ignore[attr-defined]
        assert "12 would be saved" in app.screen.question  # type: ignore[attr-defined]
        await pilot.press("escape")
        await calm(pilot)
        assert file.load(path).lora.r == 16


async def test_what_was_typed_wrong_for_another_session_is_forgotten(desk: Session, tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    file.save(file.replace_value(desk, "lora.r", 32), path)
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await tune(pilot)
        rank = row(app, "lora.r")

        async def typed() -> None:
            rank.editor.focus()
            await pilot.press("home", "ctrl+k", *"12O")
            await until(pilot, lambda: any(app.refused.values()))

        def entry() -> str:
            return rank.query_one(Input).value

        await typed()
        for left in ("12", "16"):  # the letter first, then the number before it
            await pilot.press("ctrl+z")
            await until(pilot, lambda left=left: entry() == left and not rank.complaint)
        await typed()
        await pilot.press("ctrl+y")
        await calm(pilot)
        assert entry() == "12O"  # nothing was taken back that could be made again
        app.desk.open(file.load(path), path)
        app.show_another()
        await until(pilot, lambda: entry() == "32" and not any(app.refused.values()))
        assert not rank.has_class("-wrong")


async def test_a_precision_is_one_choice_and_always_exactly_one(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await tune(pilot)
        row(app, "model.precision").editor.focus()
        for expected in ("8-bit", "16-bit", "full", "4-bit"):
            await pilot.press("right")
            await calm(pilot)
            assert app.session.model.precision == expected
            on = [app.session.model.load_in_4bit, app.session.model.load_in_8bit]
            on += [app.session.model.load_in_16bit, app.session.model.full_finetuning]
            assert sum(on) == 1


async def test_changes_are_taken_back_one_by_one_and_made_again(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await edited(pilot, lora__r=32)
        await edited(pilot, training__max_steps=9)
        await pilot.press("f4", "ctrl+z")
        await calm(pilot)
        assert (app.session.lora.r, app.session.training.max_steps) == (32, None)
        await pilot.press("ctrl+z", "ctrl+z")
        await calm(pilot)
        assert app.session == desk
        await pilot.press("ctrl+y", "ctrl+y")
        await calm(pilot)
        assert (app.session.lora.r, app.session.training.max_steps) == (32, 9)
        assert row(app, "lora.r").query_one(Input).value == "32"


async def test_a_preset_shows_what_it_would_change_before_it_does(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f4", "f9")
        await until(pilot, lambda: isinstance(app.screen, PresetDialog))
        await pilot.press("down", "down")
        await calm(pilot)
        table = app.screen.query_one(DataTable)
        shown = [[str(cell) for cell in table.get_row_at(at)] for at in range(table.row_count)]
        assert ["Rank (r)", "16", "64"] in shown and ["Precision", "4-bit", "16-bit"] in shown
        assert app.session == desk
        await pilot.press("enter")
        await calm(pilot)
        assert app.session.lora.r == 64 and app.session.model.precision == "16-bit"
        assert app.session.model.name == desk.model.name
        await pilot.press("ctrl+z")
        await calm(pilot)
        assert app.session == desk


async def test_ones_own_preset_is_kept_and_a_damaged_one_says_why(desk: Session, home: Path) -> None:
    app = UnslothTui(file.replace_values(desk, {"lora.r": 99, "training.seed": 5}))
    async with app.run_test(size=(140, 40)) as pilot:
        app.action_keep_preset()
        await until(pilot, lambda: app.screen.query("SaveDialog Input, .dialog Input"))
        await pilot.press("enter")
        await until(pilot, lambda: (own_presets_folder() / "mine.toml").exists())
        (own_presets_folder() / "broken.toml").write_text("[training]\nnonsense = 1\n")
        broken, mine = (preset for preset in list_presets() if preset.own)
        assert mine.applied_to(desk).lora.r == 99 and mine.applied_to(desk).model.name == desk.model.name
        assert mine.applied_to(desk).training.seed == desk.training.seed, "a seed is not a way of training"
        assert "there is no such key" in broken.problem
        await pilot.press("f4", "f9")
        await until(pilot, lambda: isinstance(app.screen, PresetDialog))
        await pilot.press("end", "up", "enter")
        await calm(pilot)
        assert isinstance(app.screen, PresetDialog) and "there is no such key" in told(app, "#preset-help")


async def test_what_differs_is_a_table_against_defaults_and_against_the_file(desk: Session, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    file.save(file.replace_value(desk, "lora.r", 8), path)
    app = UnslothTui(file.load(path), path)
    async with app.run_test(size=(140, 40)) as pilot:
        await edited(pilot, lora__r=32)
        await pilot.press("f12")
        await until(pilot, lambda: isinstance(app.screen, ChangesDialog))
        table = app.screen.query_one(DataTable)
        await until(pilot, lambda: table.row_count == 3)  # model, data and rank against the defaults
        await pilot.press("down")
        await until(pilot, lambda: table.row_count == 1)
        assert [str(cell) for cell in table.get_row_at(0)] == ["Rank (r)", "8", "32"]


async def test_unsaved_changes_are_marked_and_asked_about(desk: Session, tmp_path: Path) -> None:
    for name in ("one", "two"):
        file.save(file.replace_value(desk, "run.name", name), tmp_path / f"{name}.toml")
    app = UnslothTui(file.load(tmp_path / "one.toml"), tmp_path / "one.toml")
    async with app.run_test() as pilot:
        await calm(pilot)
        assert app.session_label == "one.toml"
        await edited(pilot, lora__r=32)
        assert app.session_label == "one.toml ●"
        for answer, name in (("escape", "one"), ("enter", "two")):
            await pilot.press("ctrl+o")
            await until(pilot, lambda: isinstance(app.screen, OpenDialog))
            app.screen.query_one(Input).value = str(tmp_path / "two.toml")
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, AskDialog))
            await pilot.press(*(["tab", "enter"] if answer == "enter" else [answer]))
            await until(pilot, lambda: not isinstance(app.screen, AskDialog))
            assert app.session.run.name == name
        assert app.session_label == "two.toml"


async def test_saving_goes_to_the_same_file_unless_somebody_else_changed_it(desk: Session, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    file.save(desk, path)
    app = UnslothTui(file.load(path), path)
    async with app.run_test() as pilot:
        await edited(pilot, lora__r=32)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: file.load(path).lora.r == 32)
        path.write_text(path.read_text() + "# a word of mine\n")
        await edited(pilot, lora__r=33)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: file.load(path).lora.r == 33)
        assert path.read_text().endswith("# a word of mine\n")
        file.save(file.replace_value(desk, "run.name", "theirs"), path)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert "changed since" in app.screen.question  # type: ignore[attr-defined]
        await pilot.press("escape")
        assert file.load(path).run.name == "theirs"


async def test_recent_files_and_runs_are_listed_and_a_run_is_copied(
    desk: Session, tmp_path: Path, demo_run: RunFolder
) -> None:
    path = tmp_path / "mine.toml"
    file.save(desk, path)
    async with UnslothTui(file.load(path), path).run_test() as pilot:
        await calm(pilot)
    app = UnslothTui()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, OpenDialog))
        offers = app.screen.query_one(OptionList)
        lines = [str(offers.get_option_at_index(at).prompt) for at in range(offers.option_count)]
        assert "mine.toml" in lines[0] and "tiny · train.jsonl" in lines[0]
        assert "copy of run  2026-11-23-1736-demo" in lines[1]
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: app.session.run.name == "demo")
        assert app.desk.path is None and app.session_label == "new session ●"


async def test_a_window_that_was_killed_loses_nothing(desk: Session, home: Path) -> None:
    """Another process keeps a draft and is killed; the next window offers it, once."""
    code = (
        "import os, signal, sys; from pathlib import Path; from tui.session import drafts, file;"
        "drafts.keep_draft(file.parse(sys.stdin.read()), None); os.kill(os.getpid(), signal.SIGKILL)"
    )
    text = file.dumps(file.replace_value(desk, "lora.r", 77))
    subprocess.run([sys.executable, "-c", code], input=text.encode(), env=os.environ, check=False)
    app = UnslothTui()
    async with app.run_test() as pilot:
        await until(pilot, lambda: isinstance(app.screen, AskDialog))
        assert "was not saved" in app.screen.question  # type: ignore[attr-defined]
        await pilot.press("tab", "enter")
        await until(pilot, lambda: app.session.lora.r == 77)
        assert app.desk.unsaved
    again = UnslothTui()
    async with again.run_test() as pilot:
        await calm(pilot)
        assert not isinstance(again.screen, AskDialog) or "lora" not in str(again.screen)
        await pilot.press("ctrl+o")
        await calm(pilot)


async def test_a_draft_is_kept_while_one_works_and_dropped_when_saved(
    desk: Session, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_app, "DRAFT_S", 0.1)
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await edited(pilot, lora__r=32)
        await until(pilot, lambda: list((home / "drafts").glob("*.toml")))
        assert drafts.left_behind() == [], "its window is still there"
        app.desk.save(tmp_path / "mine.toml")
        await until(pilot, lambda: not list((home / "drafts").glob("*.toml")))


async def test_code_that_a_session_brings_is_asked_about_once(desk: Session, tmp_path: Path, home: Path) -> None:
    loss = tmp_path / "loss.py"
    loss.write_text("def mine(outputs, labels, num_items_in_batch=None):\n    return outputs.loss\n")
    app = UnslothTui(file.replace_value(desk, "training.custom_loss", f"{loss}:mine"))
    async with app.run_test() as pilot:
        for _ in range(2):
            await pilot.press("ctrl+t")
            await until(pilot, lambda: isinstance(app.screen, AskDialog))
            assert "the function mine of" in app.screen.question  # type: ignore[attr-defined]
            await pilot.press("escape")
            assert not list_runs() and not (home / "agreed").exists()


@pytest.mark.parametrize("typed", ["~nobody-of-that-name/x", "/no/such/folder/x", "", "x" * 5000 + "/"])
async def test_a_path_that_leads_nowhere_is_not_completed(typed: str) -> None:
    assert await PathSuggester().get_suggestion(typed) is None
