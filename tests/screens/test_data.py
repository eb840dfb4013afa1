"""Somebody sees a dataset exactly as it is trained on, says how it is read, and is led to what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import DataTable, Input, OptionList

from tests import hub_server
from tests.hub_repos import Hub
from tests.lab import Lab, release
from tests.screens.conftest import settled, until
from tests.screens.test_forms import calm, told
from tui.app import UnslothTui
from tui.screens.data import DataScreen
from tui.screens.dialogs.ask import TextDialog
from tui.screens.messages import SessionEdited
from tui.session import file
from tui.session.schema import Session
from tui.widgets.field_row import FieldRow
from tui.widgets.token_view import TokenView

pytest_plugins = ["tests.engine_fixtures"]
hub = hub_server.hub


def talk(asked: str, answered: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]}


def session_with(desk: Session, path: Path, rows: list[object], **changes: object) -> Session:
    """The session with these rows as its data; a row that is a text is written as it is."""
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    told = {"data.source": str(path), "model.name": ""} | {key.replace("__", "."): value for key, value in changes.items()}
    return file.replace_values(desk, told)


def findings(app: UnslothTui) -> list[str]:
    listed = app.screen.query_one("#found", OptionList)
    return [str(listed.get_option_at_index(at).prompt) for at in range(listed.option_count)]


def place(app: UnslothTui) -> DataScreen:
    assert isinstance(app.screen, DataScreen)
    return app.screen


async def test_columns_that_nothing_tells_about_are_mapped_by_hand(desk: Session, tmp_path: Path) -> None:
    rows: list[object] = [{"a": f"Titel {at}", "b": f"Text {at}", "c": str(at)} for at in range(3)]
    app = UnslothTui(session_with(desk, tmp_path / "odd.jsonl", rows))
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await settled(pilot)
        await pilot.press("m")
        await until(pilot, lambda: app.screen.query(FieldRow))
        assert "columns: a, b, c" in told(app, "#columns-there")
        for key, template in (("data.user", "Summarise: {b}[[ ({c})]]"), ("data.assistant", "{a}")):
            row = next(row for row in app.screen.query(FieldRow) if row.spec.key == key)
            row.query_one(Input).value = template
            await calm(pilot)
            await settled(pilot)
            assert row.is_on_screen and not app.screen.query_one("#rows").display  # one goes on typing into what one sees
        await until(pilot, lambda: "user:      Summarise: Text 0 (0)" in told(app, "#row-text"))
        assert "assistant: Titel 0" in told(app, "#row-text")
        await pilot.press("escape")
        assert app.screen.focused is app.screen.query_one("#rows")


async def test_what_is_typed_wrong_in_any_place_keeps_a_run_from_starting(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await settled(pilot)
        await pilot.press("m")
        await until(pilot, lambda: app.screen.query(FieldRow))
        weights = next(row for row in app.screen.query(FieldRow) if row.spec.key == "data.mix_weights")
        weights.query_one(Input).value = "many"
        await calm(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: app.screen.query("#search"))
        await until(pilot, lambda: any(row.spec.key == "lora.r" for row in app.screen.query(FieldRow)))
        rank = next(row for row in app.screen.query(FieldRow) if row.spec.key == "lora.r")
        for typed, wrong in (("none", {"data.mix_weights", "lora.r"}), ("16", {"data.mix_weights"})):
            rank.query_one(Input).value = typed
            await calm(pilot)
            await pilot.press("ctrl+t")
            await until(pilot, lambda: isinstance(app.screen, TextDialog))
            assert isinstance(app.screen, TextDialog)
            assert {key for key in ("data.mix_weights", "lora.r") if f"{key}: " in app.screen.text} == wrong
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, TextDialog))
        weights.query_one(Input).value = ""
        await until(pilot, lambda: not any(app.refused.values()))


async def test_preferences_are_refused_and_one_key_learns_the_better_answers(desk: Session, tmp_path: Path) -> None:
    rows: list[object] = [
        {"prompt": f"q{at}", "chosen": talk("q", "good")["messages"], "rejected": talk("q", "bad")["messages"]}
        for at in range(4)
    ]
    app = UnslothTui(session_with(desk, tmp_path / "pairs.jsonl", rows))
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "preferences" in told(app, "#summary"))
        await pilot.press("f8")
        await until(pilot, lambda: "assistant: good" in told(app, "#row-text"))
        assert app.session.data.column == "chosen"
        assert "bad" not in told(app, "#row-text")


async def test_any_row_is_reached_also_far_below_the_table(desk: Session, tmp_path: Path) -> None:
    rows: list[object] = [talk(f"question {at}", f"answer {at}") for at in range(300)]
    app = UnslothTui(session_with(desk, tmp_path / "many.jsonl", rows))
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "300 rows" in told(app, "#summary"))
        await pilot.press("n")
        await until(pilot, lambda: "question 1" in told(app, "#row-text"))
        await pilot.press("j")
        app.screen.query_one("#row-number", Input).value = "251"
        await pilot.press("enter")
        await until(pilot, lambda: "assistant: answer 250" in told(app, "#row-text"), within_s=30)
        assert "many.jsonl, line 251" in told(app, "#row-title")
        await pilot.press("b")
        await until(pilot, lambda: "assistant: answer 249" in told(app, "#row-text"))
        await pilot.press("v")
        await until(pilot, lambda: '"question 249"' in told(app, "#row-text"))
        place(app).go(10_000)
        await until(pilot, lambda: '"question 299"' in told(app, "#row-text"))


async def test_what_is_wrong_is_counted_shown_and_left_out_by_a_key(desk: Session, tmp_path: Path) -> None:
    rows: list[object] = [talk(f"question number {at}", f"the answer to number {at}") for at in range(8)]
    rows[2:2] = ["no json", {"messages": [{"role": "user", "content": "alone"}]}, talk("a\x1b[2J", "words with \x07 bells")]
    app = UnslothTui(session_with(desk, tmp_path / "bad.jsonl", rows))
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await settled(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: app.inspected and app.inspected.done, within_s=30)
        await calm(pilot)
        assert "11 rows, 9 usable" in told(app, "#figures")
        listed = findings(app)
        assert "✗ Rows that cannot be read (1)" in listed[0] and "row 3: it is not JSON" in listed[0]
        assert any("control characters (1)" in line for line in listed)
        assert not any("\x1b" in line for line in listed)
        await pilot.press("enter")
        await until(pilot, lambda: place(app).row.at == 2)
        assert app.client.view.obstacles(app.session)
        await pilot.press("p")
        await until(pilot, lambda: place(app).row.at == 3)
        await pilot.press("f8")
        await until(pilot, lambda: app.session.data.skip_bad_rows)
        assert not app.client.view.obstacles(app.session), "that look was at another session"


async def test_what_was_found_in_one_dataset_is_not_said_of_another(desk: Session, tmp_path: Path) -> None:
    session = session_with(desk, tmp_path / "bad.jsonl", [talk("a", "b"), "no json"])
    sound = session_with(desk, tmp_path / "good.jsonl", [talk("a", "b")])
    app = UnslothTui(session)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await settled(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: app.inspected and app.inspected.done and findings(app), within_s=30)
        app.post_message(SessionEdited({"data.source": sound.data.source}))
        await until(pilot, lambda: not findings(app))
        assert "F9 looks" in told(app, "#figures")


async def test_a_dataset_of_the_hub_is_looked_at_without_downloading_it(desk: Session, hub: Hub) -> None:
    rows = "".join(json.dumps(talk(f"question {at}", f"answer {at}")) + "\n" for at in range(20))
    hub.add("datasets/owner/talks", {"train.jsonl": rows.encode(), "test.jsonl": rows.encode()})
    app = UnslothTui(file.replace_values(desk, {"data.source": "owner/talks", "model.name": ""}))
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await until(pilot, lambda: "question 0" in told(app, "#row-text"), within_s=30)
        assert app.screen.query_one("#rows", DataTable).row_count == 20


@pytest.mark.slow
@pytest.mark.usefixtures("entered")
async def test_tokens_are_seen_as_they_are_trained_on_and_what_cannot_be_learned_blocks(
    lab: Lab, desk: Session, tmp_path: Path
) -> None:
    rows: list[object] = [talk("what is one", "it is one"), talk("what is two " * 30, "cut off")]
    session = session_with(desk, tmp_path / "t.jsonl", rows, model__name=str(lab.model), model__max_seq_length=48)
    app = UnslothTui(session)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("f3")
        await settled(pilot)
        await pilot.press("v")
        tokens = app.screen.query_one(TokenView)
        await until(pilot, lambda: tokens.preview, within_s=120)
        assert tokens.preview is not None
        pairs = list(zip(tokens.preview.pieces, tokens.preview.marks, strict=True))
        assert "".join(piece for piece, mark in pairs if mark in "lL") == "it is one<|im_end|>"
        assert "".join(piece for piece, _ in pairs) == tokens.preview.text
        assert [piece for piece, mark in pairs if mark == "L"] == ["<|im_end|>"]
        await pilot.press("n")
        await until(pilot, lambda: tokens.preview and "x" in tokens.preview.marks)
        assert tokens.preview.learned == 0
        await pilot.press("f9")
        await until(pilot, lambda: app.inspected and app.inspected.done and app.inspected.tokens, within_s=60)
        assert any("longer than 48 tokens" in line for line in findings(app))
        app.screen.query_one("#rows").focus()
        await pilot.press("l")
        await until(pilot, lambda: place(app).row.at == 1)
        app.post_message(SessionEdited({"model.max_seq_length": 8}))
        await calm(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: app.client.view.obstacles(app.session), within_s=60)
        assert any("Not a single token would be learned" in line for line in findings(app))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert isinstance(app.screen, TextDialog) and "Not a single token" in app.screen.text
    release(lab.workbench())
