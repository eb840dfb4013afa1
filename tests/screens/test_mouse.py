"""Whoever takes the mouse gets everywhere: tabs, rows, fields, words of a choice, folded sections, keys of the footer."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import DataTable, Input

from tests.screens.conftest import settled, until
from tui.app import UnslothTui
from tui.run import conversation
from tui.run.conversation import Conversation
from tui.run.events import Replied
from tui.run.folder import RunFolder
from tui.screens.dialogs.ask import TextDialog
from tui.session.schema import Session
from tui.widgets.exchange_view import ExchangeView
from tui.widgets.field_row import FieldRow
from tui.widgets.form import SectionFields
from tui.widgets.place_bar import PlaceTab


def row_of(pilot: Pilot[None], title: str) -> FieldRow:
    return next(row for row in pilot.app.screen.query(FieldRow) if row.spec.title == title)


def tab(pilot: Pilot[None], mode: str) -> PlaceTab:
    return next(it for it in pilot.app.screen.query(PlaceTab) if it.place.mode == mode)


async def click(pilot: Pilot[None], widget: Widget, x: int = 1) -> None:
    await until(pilot, lambda: widget.region)  # it is laid out
    await pilot.click(widget, offset=(x, 0))
    await pilot.pause()


async def test_a_form_is_filled_in_with_the_mouse_alone(desk: Session) -> None:
    app = UnslothTui(desk)
    async with app.run_test(size=(100, 30)) as pilot:
        await click(pilot, tab(pilot, "tune"))
        await until(pilot, lambda: app.current_mode == "tune" and app.screen.query(SectionFields))
        await settled(pilot)
        precision = row_of(pilot, "Precision").query_one("Choice")
        await click(pilot, precision, str(precision.render()).index("16-bit") + 2)
        await until(pilot, lambda: app.session.model.load_in_16bit)
        await click(pilot, row_of(pilot, "Rank (r)").query_one(Input))
        assert app.focused is row_of(pilot, "Rank (r)").query_one(Input)
        folded = app.screen.query(SectionFields).first()
        folded.scroll_visible(animate=False)
        await until(pilot, lambda: app.screen.region.contains_region(folded.region))
        before = len(app.screen.query(FieldRow))
        await click(pilot, folded)
        await until(pilot, lambda: len(app.screen.query(FieldRow)) > before)
        keys = {str(key.description): key for key in app.screen.query("FooterKey")}  # type: ignore[attr-defined]
        await click(pilot, keys["Help"])
        await until(pilot, lambda: isinstance(app.screen, TextDialog))


async def test_a_run_is_opened_and_what_was_said_selected_with_the_mouse(demo_run: RunFolder) -> None:
    app = UnslothTui()
    async with app.run_test(size=(100, 30)) as pilot:
        await click(pilot, tab(pilot, "runs"))
        await until(pilot, lambda: app.current_mode == "runs" and getattr(app.screen, "rows", None))
        await pilot.pause()
        await pilot.click(DataTable, offset=(8, 0))
        assert app.screen.backwards  # type: ignore[attr-defined]  # the head of the column that is sorted by
        await pilot.click(DataTable, offset=(8, 1), times=2)
        await until(pilot, lambda: app.current_mode == "live" and app.run_state.ended)
        await click(pilot, tab(pilot, "chat"))
        talk = conversation.asked(Conversation(), "1", "hello", ("tuned",), "x")
        talk = conversation.fold_reply(talk, Replied(id="1", voice="tuned", text="$ ls", done=True))
        talker = app.client.talker
        talker.state = replace(talker.state, conversation=talk)
        await until(pilot, lambda: app.current_mode == "chat" and app.screen.query(ExchangeView))
        await settled(pilot)
        await click(pilot, app.screen.query(".asked").first())
        assert isinstance(app.focused, ExchangeView)
        await click(pilot, app.screen.query_one("#prompt"))
        assert app.focused and app.focused.id == "prompt"
