"""What happens when keys are pressed: the session changes, wrong values are refused, nothing crashes on foreign text."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import pytest
from textual.widgets import DataTable, Input, OptionList, Static

from tests.screens.conftest import settled, until
from tui.app import UnslothTui
from tui.run.folder import RunFolder, list_runs
from tui.screens.dialogs.ask import TextDialog
from tui.screens.messages import SessionEdited
from tui.session import file
from tui.session.fields import fields_of
from tui.session.schema import Session
from tui.widgets.form import FieldRow
from tui.widgets.prompt_area import PromptArea
from tui.widgets.two_ends import TwoEnds

NASTY = "[/INST] [bold]x[/bold] \x1b[2J\x1b]0;title\x07 ‮ right to left [@click=app.exit]"


def shown(app: UnslothTui, selector: str) -> str:
    widget = app.screen.query_one(selector)
    assert isinstance(widget, Static)
    return str(widget.content)


async def test_a_model_is_chosen_from_the_list(home: Path, hollow_model: object, tmp_path: Path) -> None:
    made = hollow_model("ready", num_hidden_layers=3)  # type: ignore[operator]
    (home / "models").mkdir(parents=True)
    made.rename(home / "models" / "ready")
    app = UnslothTui()
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.screen.query_one("#models", OptionList).option_count > 200)
        await pilot.press("down", "enter")
        await settled(pilot)
        assert app.session.model.name == str(home / "models" / "ready")
        assert "layers         3" in shown(app, "#card")


async def test_a_folder_that_is_no_model_says_so(desk: Session, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await settled(pilot)
        app.screen.query_one("#name", Input).value = "./empty"
        app.screen.query_one("#name", Input).focus()
        await pilot.press("enter")
        await settled(pilot)
        await until(pilot, lambda: "no config.json" in shown(app, "#card"))


async def test_a_hub_name_without_the_hub_says_why(desk: Session) -> None:
    app = UnslothTui(file.replace_value(desk, "model.name", "owner/model"))
    async with app.run_test() as pilot:
        await until(pilot, lambda: "cannot be looked up" in shown(app, "#card"))


async def test_what_the_data_says_is_shown_and_never_obeyed(desk: Session, tmp_path: Path) -> None:
    """Markup in a cell ends a Textual app that takes it for its own; escape sequences would reach the terminal."""
    source = tmp_path / "nasty.jsonl"
    row = {"messages": [{"role": "user", "content": NASTY}, {"role": "assistant", "content": NASTY}], NASTY: NASTY}
    source.write_text(json.dumps(row) + "\n")
    app = UnslothTui(file.replace_value(desk, "data.source", str(source)))
    async with app.run_test() as pilot:
        await pilot.press("f3")
        await settled(pilot)
        assert app.screen.query_one("#rows", DataTable).row_count == 1
        assert "[/INST] [bold]x[/bold] ␛[2J␛]0;title␇" in shown(app, "#row-text")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("", "is empty"), ("{}\nnot json\n", "line 2: it is not JSON"), ('{"n": 1}\n', "no row holds any text")],
)
@pytest.mark.slow
async def test_bad_data_is_explained_where_it_is_chosen(desk: Session, tmp_path: Path, text: str, complaint: str) -> None:
    source = tmp_path / "bad.jsonl"
    source.write_text(text)
    app = UnslothTui(file.replace_value(desk, "data.source", str(source)))
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("f3")
        await settled(pilot)
        assert complaint in shown(app, "#summary")


@pytest.mark.slow
async def test_a_path_in_the_home_of_nobody_is_not_there(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test(size=(160, 40)) as pilot:
        await pilot.press("f3")
        entry = app.screen.query_one("#source", Input)
        entry.focus()
        entry.value = "~nobody-of-that-name/x.jsonl"
        await pilot.press("enter")
        await settled(pilot)
        assert "~nobody-of-that-name/x.jsonl" in app.session.data.source
        assert "there is no file" in shown(app, "#summary")


async def test_typing_in_the_form_changes_the_session(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("f4")
        rank = next(row for row in app.screen.query(FieldRow) if row.spec.key == "lora.r")
        rank.query_one(Input).value = "64"
        await pilot.pause()
        assert app.session.lora.r == 64
        assert rank.has_class("-changed")
        assert "rank 64" in shown(app, "#outcome")


@pytest.mark.parametrize(("typed", "complaint"), [("fast", "should be a number"), ("-1", "greater than 0")])
@pytest.mark.slow
async def test_a_wrong_value_is_refused_beside_it_and_stays_to_be_mended(desk: Session, typed: str, complaint: str) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("f4")
        rate = next(row for row in app.screen.query(FieldRow) if row.spec.key == "training.learning_rate")
        rate.query_one(Input).focus()
        rate.query_one(Input).value = typed
        await until(pilot, lambda: complaint in shown(app, "#help"))
        assert f"Learning rate: {rate.complaint}" in shown(app, "#outcome")
        assert app.session.training.learning_rate == desk.training.learning_rate
        assert rate.query_one(Input).value == typed


@pytest.mark.slow
async def test_every_field_of_the_schema_can_be_reached(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test(size=(120, 60)) as pilot:
        await pilot.press("f4")
        for section in app.screen.query("SectionFields"):
            section.collapsed = False
        await pilot.pause()
        await until(pilot, lambda: len(app.screen.query(FieldRow)) > 30)
        shown_keys = {key for row in app.screen.query(FieldRow) for key in row.spec.keys}
        missing = {spec.key for spec in fields_of(Session)} - shown_keys - {"model.name", "data.source"}
        assert not missing


async def test_a_run_that_cannot_work_is_not_started(tmp_path: Path) -> None:
    session = file.from_table({"model": {"name": "/no/such"}, "data": {"source": str(tmp_path / "none.jsonl")}})
    app = UnslothTui(session)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert "there is no folder /no/such" in app.screen.text  # type: ignore[attr-defined]
        assert "none.jsonl" in app.screen.text  # type: ignore[attr-defined]
        assert list_runs() == []


async def test_a_session_is_saved_and_opened_again(desk: Session, tmp_path: Path) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+s")
        app.screen.query_one(Input).value = "mine.toml"
        await pilot.press("enter")
        await pilot.pause()
    assert (tmp_path / "mine.toml").exists()
    other = UnslothTui()
    async with other.run_test() as pilot:
        await pilot.press("ctrl+o")
        other.screen.query_one(Input).value = "mine.toml"
        await pilot.press("enter")
        await pilot.pause()
        assert other.session.data.source == str((tmp_path / desk.data.source).resolve())
        await settled(pilot)


async def test_a_damaged_session_is_refused_with_its_problems(tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text("[training]\nlearnin_rate = 1\n")
    app = UnslothTui()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+o")
        app.screen.query_one(Input).value = str(bad)
        await pilot.press("enter")
        await until(pilot, lambda: "did you mean training.learning_rate" in shown(app, ".complaint"))


@pytest.mark.slow
async def test_a_finished_run_is_opened_from_the_list(demo_run: RunFolder) -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        await pilot.press("f7")
        await settled(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: len(app.run_state.steps) == 60)
        assert app.current_mode == "live"


@pytest.mark.slow
async def test_stopping_a_run_that_is_over_says_so(demo_run: RunFolder) -> None:
    app = UnslothTui(run=demo_run)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_state.ended)
        await pilot.press("ctrl+x")
        await pilot.pause()
        assert not demo_run.commands.exists()


async def test_nobody_to_talk_to_is_said_and_what_was_typed_stays() -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        await pilot.press("f6", *"hello", "enter")
        assert app.screen.query_one(PromptArea).text == "hello"
        assert "nobody to talk to" in app.screen.query_one("#who", TwoEnds).left


@pytest.mark.slow
async def test_a_run_is_shown_in_other_themes_too(demo_run: RunFolder) -> None:
    app = UnslothTui(run=demo_run)
    async with app.run_test() as pilot:
        await until(pilot, lambda: app.run_state.ended and app.gpus)
        await settled(pilot)
        before = [line.text.rstrip() for line in app.screen._compositor.render_strips()]
        for theme in ("unsloth-light", "ansi-dark"):
            app.theme = theme
            await settled(pilot)
            assert [line.text.rstrip() for line in app.screen._compositor.render_strips()] == before


@pytest.mark.slow
async def test_fast_typing_ends_with_what_was_typed(desk: Session) -> None:
    """Each key is an edit that comes back from the window later: none of them may undo the next."""
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("f4")
        row = next(row for row in app.screen.query(FieldRow) if row.spec.key == "model.max_seq_length")
        entry = row.query_one(Input)
        entry.focus()
        for typed in ("", "2", "20", "204", "2048", "204", "20", "204", "2048"):
            entry.value = typed
        await pilot.pause()
        await pilot.pause()
        assert (entry.value, app.session.model.max_seq_length) == ("2048", 2048)


async def test_nothing_is_started_while_a_field_is_wrong(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("f4")
        row = next(row for row in app.screen.query(FieldRow) if row.spec.key == "training.gradient_accumulation_steps")
        row.query_one(Input).value = "1x"
        await pilot.pause()
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert "training.gradient_accumulation_steps: should be a whole number" in app.screen.text  # type: ignore[attr-defined]
        assert list_runs() == []


async def test_saving_asks_before_it_replaces_another_file(desk: Session, tmp_path: Path) -> None:
    precious = tmp_path / "precious.toml"
    precious.write_text("mine")
    (tmp_path / "data.jsonl").write_text("{}")
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("ctrl+s")
        for name, told in (("data.jsonl", "has to end in .toml"), ("precious.toml", "there already")):
            app.screen.query_one(Input).value = str(tmp_path / name)
            await pilot.press("enter")
            await until(pilot, lambda told=told: told in shown(app, ".complaint"))
        assert precious.read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, lambda: precious.read_text() != "mine")
    assert (tmp_path / "data.jsonl").read_text() == "{}"


async def test_leaving_keeps_a_session_that_was_not_saved(desk: Session, home: Path) -> None:
    app = UnslothTui()
    async with app.run_test() as pilot:
        app.post_message(SessionEdited({"model.name": desk.model.name}))
        await pilot.pause()
        await pilot.press("ctrl+q")
    (draft,) = (home / "drafts").iterdir()
    assert file.parse(draft.read_text()).model.name == desk.model.name


@pytest.mark.slow
async def test_a_home_that_cannot_be_written_is_said_and_the_window_lives(
    desk: Session, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("a file where a folder should be")
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.press("f3")
        await settled(pilot)
        await pilot.press("ctrl+r")
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert app.is_running and app.return_code in (None, 0)


async def test_a_slow_look_does_not_keep_the_window_open(desk: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub that accepts and never answers must not hold the terminal."""
    never = threading.Event()
    monkeypatch.setattr("tui.screens.model_cards.describe_model", lambda *_: never.wait(60))
    app = UnslothTui(desk)
    async with app.run_test() as pilot:
        await pilot.pause()
        await asyncio.wait_for(pilot.press("ctrl+q"), 5)
    never.set()
