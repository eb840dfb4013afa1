"""Writes a conversation as the model reads it: with the template it was trained on, or as its texts were."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from tui.data.columns import SYSTEM, rank
from tui.data.looking import holds_texts
from tui.data.records import DataError
from tui.data.templates import parse
from tui.engine.tokenising import REFUSALS, UNWRITABLE, Tokens
from tui.session.sections.data import DataSection

Turn = dict[str, Any]
"""What a chat template takes: role, content, and whatever else it knows."""
_PLACE = "\N{SYMBOL FOR RECORD SEPARATOR}"
"""Where an answer will stand; no template has it."""
_NEAR = 3
"""Tokens after an answer among which its end token is."""


class Writer:
    """Writes for one tokenizer; `data` is how the rows were read that the model was trained on, None where it was not."""

    def __init__(self, tokenizer: Any, data: DataSection | None) -> None:
        self.data = data
        self.tokens = Tokens(tokenizer, data or DataSection(), 0)
        self.tokenizer, self.inner = tokenizer, self.tokens.inner

    @cached_property
    def has_template(self) -> bool:
        """Whether turns are written by a chat template; what learned from texts knows none, whatever its tokenizer has."""
        return bool(self.tokens.template) and not (self.data and holds_texts(self.data))

    def text(self, messages: Sequence[Turn]) -> str:
        """The text that is to be gone on with. Raises DataError.

        An assistant's message that stands last is not ended: it reads as it did while it was made.
        """
        last = [turn for turn in messages[-1:] if turn["role"] == "assistant"]
        begun, asked = "".join(turn["content"] for turn in last), list(messages[: len(messages) - len(last)])
        if not self.has_template:
            return self._mapped(asked) + begun
        try:
            return str(self.tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)) + begun
        except REFUSALS as error:
            raise DataError(f"{UNWRITABLE}: {' '.join(str(error).split()) or type(error).__name__}") from None

    def ids(self, messages: Sequence[Turn]) -> list[int]:
        """The tokens of that text. Raises DataError."""
        text = self.text(messages)
        if self.data is None and self.has_template:
            return list(self.inner(text, add_special_tokens=False, verbose=False)["input_ids"])
        return self.tokens.ids_of(text)  # as the training did

    def decode(self, ids: list[int]) -> str:
        """What tokens say, without special ones."""
        return str(self.inner.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    @cached_property
    def turn_end(self) -> int | None:
        """The token that the chat template puts after an answer; None where it puts none."""
        if not self.has_template:
            return None
        turns = [{"role": "user", "content": _PLACE}, {"role": "assistant", "content": _PLACE}]
        try:
            text = str(self.tokenizer.apply_chat_template(turns, tokenize=False))
        except REFUSALS:
            return None
        after = self.inner(text.rpartition(_PLACE)[2], add_special_tokens=False)["input_ids"][:_NEAR]
        known = getattr(self.inner, "added_tokens_decoder", {})
        return next((token for token in after if token in known), None)

    def _mapped(self, messages: list[Turn]) -> str:
        """Turns without a template: as the session wrote questions and answers into one text, or else line after line."""
        template = parse(self.data.text) if self.data and self.data.text else None
        names = [cell.name for cell in template.cells] if template else []
        asked = [name for name in names[:-1] if not rank(name, SYSTEM)]
        if template is None or not asked:
            return "\n".join(turn["content"] for turn in messages)
        system = "\n".join(turn["content"] for turn in messages if turn["role"] == "system")
        place = next((name for name in names[:-1] if rank(name, SYSTEM)), None)
        exchanges = _exchanges([turn for turn in messages if turn["role"] != "system"])
        rows = ({asked[0]: question, names[-1]: answer} for question, answer in exchanges)
        written = [template.render(row if place is None else row | {place: system}) for row in rows]
        end = self.inner.eos_token if self.data and self.data.add_end_token and self.inner.eos_token else ""
        head = f"{system}\n\n" if system and place is None else ""
        return head + f"{end}\n\n".join(written).rpartition(_PLACE)[0]


def _exchanges(turns: list[Turn]) -> list[tuple[str, str]]:
    """Questions with their answers; the last answer is yet to come."""
    found: list[tuple[str, str]] = []
    for turn in turns:
        if turn["role"] == "assistant" and found:
            found[-1] = (found[-1][0], turn["content"])
        else:
            found.append((turn["content"], ""))
    return [*found[:-1], (found[-1][0] if found else "", _PLACE)]
