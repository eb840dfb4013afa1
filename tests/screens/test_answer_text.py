"""An answer that is still coming: what its last line will be is not guessed, so that nothing flickers."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult

from tests.screens.conftest import until
from tui.widgets.answer_text import AnswerText
from tui.widgets.markdown_text import MarkdownText


class Window(App[None]):
    """One answer and nothing else."""

    def compose(self) -> ComposeResult:
        yield AnswerText()

    @property
    def shown(self) -> list[tuple[str, bool]]:
        """The parts of the answer as text, and whether anything in them is marked up."""
        contents = [view.render() for view in self.query(MarkdownText)]
        return [(content.plain, bool(content.spans)) for content in contents]


@pytest.mark.parametrize(
    ("coming", "meanwhile", "whole", "at_last"),
    [
        ("It is\n--", ("It is", False), "It is\n---", ("It is", True)),  # would make a heading of the line above
        ("So:\n\n1.", ("So:", False), "So:\n\n1. Look", ("So:\n\n1. Look", True)),  # would be a list of nothing
        ("So:\n\n**", ("So:", False), "So:\n\n**now**", ("So:\n\nnow", True)),
        ("a\n\n```", ("a", False), "a\n\n```\nls\n```", None),  # the fence of a block that is yet to come
        ("2", ("", False), "2 + 2", ("2 + 2", False)),
    ],
)
async def test_a_last_line_of_signs_waits_until_it_is_clear_what_it_is(
    coming: str, meanwhile: tuple[str, bool], whole: str, at_last: tuple[str, bool] | None
) -> None:
    app = Window()
    async with app.run_test(size=(60, 12)) as pilot:
        answer = app.query_one(AnswerText)
        answer.show(coming, False, "markdown")
        await until(pilot, lambda: not answer._busy)
        assert app.shown == ([meanwhile] if meanwhile[0] else [])
        answer.show(whole, True, "markdown")
        await until(pilot, lambda: not answer._busy)
        assert app.shown == [at_last] if at_last else "ls" in app.shown[0][0]
