"""Shows what a model reads of a conversation, special tokens and all."""

from __future__ import annotations

from typing import Any

from tui.engine.inspecting import MOST_CHARACTERS, pieces_of
from tui.engine.masking import IGNORED
from tui.engine.tokenising import Encoded
from tui.engine.writing import Writer
from tui.run.commands import ShowPrompt
from tui.run.events import PromptShown
from tui.session.sections.data import DataSection


def shown(job: ShowPrompt, tokenizer: Any, data: DataSection | None) -> PromptShown:
    """The conversation as text and tokens. Raises DataError where the template cannot write it."""
    writer = Writer(tokenizer, data)
    messages = [{"role": turn.role, "content": turn.content} for turn in job.messages]
    text, ids = writer.text(messages), writer.ids(messages)
    pieces, marks = pieces_of(Encoded(ids, [IGNORED] * len(ids), text), writer.inner)
    return PromptShown(id=job.id, text=text[:MOST_CHARACTERS], tokens=len(ids), pieces=tuple(pieces), marks=marks)
