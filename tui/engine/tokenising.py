"""Examples as the tokens and labels that reach the model: one way for the preview, the checks and the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, TypeVar

from jinja2 import TemplateError

from tui.data.examples import Example
from tui.data.records import DataError
from tui.data.token_report import Part
from tui.engine.masking import IGNORED, Mask, everything, find_answers
from tui.session.sections.data import DataSection

Given = TypeVar("Given")
Made = TypeVar("Made")

REFUSALS = (TemplateError, TypeError, ValueError, LookupError, AttributeError, OverflowError)
"""What templates and tokenizers raise for an example that they cannot write."""
UNWRITABLE = "the chat template cannot write this conversation"


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example in tokens, with everything that does not fit still in it."""

    ids: list[int]
    labels: list[int]
    """As long as `ids`: what is learned, -100 where nothing is."""
    text: str
    """As the chat template writes it; empty for an example that came as tokens."""
    cut_from: int | None = None
    """The first token that does not fit; None when all of them do."""
    unwritten: tuple[Part, ...] = ()
    """What the chat template leaves out."""


class Tokens:
    """What turns the examples of a session into tokens."""

    def __init__(self, tokenizer: Any, data: DataSection, max_seq_length: int) -> None:
        self.tokenizer = tokenizer
        self.data = data
        self.max_seq_length = max_seq_length
        self.inner = getattr(tokenizer, "tokenizer", tokenizer)
        """What makes ids of text; `tokenizer` may be a processor around it, with a chat template of its own."""
        self.bos_token: str | None = getattr(tokenizer, "bos_token", None) or getattr(self.inner, "bos_token", None)
        self.template = getattr(tokenizer, "chat_template", None) or getattr(self.inner, "chat_template", None)

    @cached_property
    def answers(self) -> Mask:
        """Labels of a conversation by its markers. Raises DataError when they cannot be found."""
        return find_answers(self.tokenizer, self.data)

    def render(self, example: Example) -> str:
        """One example as text, with the special tokens of the chat template. Raises DataError."""
        return _only(self._texts([example]))

    def encode(self, example: Example) -> Encoded:
        """One example in tokens. Raises DataError."""
        return _only(self.encode_all([example]))

    def encode_all(self, examples: Sequence[Example]) -> list[Encoded | DataError]:
        """Many examples in tokens, each by itself, or why one cannot be. Raises DataError where none of them can."""
        texts = self._texts(examples)
        written = [at for at, text in enumerate(texts) if isinstance(text, str) and not examples[at].tokens]
        found = dict(zip(written, self._ids([str(texts[at]) for at in written]), strict=True))
        ids = {at: one for at, one in found.items() if not isinstance(one, DataError)}
        made: dict[int, Encoded | DataError] = {}
        for mask, members in self._by_mask(examples, [*ids]):
            fitting = [self._fitting(ids[at], str(texts[at])) for at in members]
            for at, kept, labels in zip(members, fitting, mask(fitting), strict=True):
                text = str(texts[at])
                made[at] = self._encoded(ids[at], kept, labels, text, unwritten(examples[at], text))
        for at, example in enumerate(examples):
            if example.tokens:
                made[at] = self._given(example)
            elif at not in made:
                made[at] = next(one for one in (texts[at], found.get(at)) if isinstance(one, DataError))
        return [made[at] for at in range(len(examples))]

    def ids_of(self, text: str) -> list[int]:
        """The ids of a text that an answer is to follow, with the begin token where an example would have it."""
        return self._tokenised([text], self._wants_special(text))[0]

    def rows_of(self, encoded: Encoded) -> Iterator[tuple[list[int], list[int]]]:
        """Ids and labels of the rows that the trainer gets of an example, also those of which nothing is learned."""
        length = self.max_seq_length
        if encoded.cut_from is None:
            yield encoded.ids, encoded.labels
        elif self.data.overlong == "truncate":
            yield encoded.ids[: encoded.cut_from], encoded.labels[: encoded.cut_from]
        elif self.data.overlong == "split":
            for start in range(0, len(encoded.ids), length):
                yield encoded.ids[start : start + length], encoded.labels[start : start + length]

    def _texts(self, examples: Sequence[Example]) -> list[str | DataError]:
        """What each example is written as; empty for one that came as tokens."""
        texts: list[str | DataError] = [self._finished(example.text) if example.text else "" for example in examples]
        talks = [at for at, example in enumerate(examples) if example.turns]
        if talks and not self.template:
            raise DataError(
                "the model has no chat template to write conversations with; "
                "set data.chat_template (chatml suits a base model)",
                {"data.chat_template": "chatml"},
            )
        plain = [at for at in talks if not examples[at].tools]
        found = _each(self._write, [examples[at].messages for at in plain], UNWRITABLE)
        for at, text in zip(plain, found, strict=True):
            texts[at] = text
        for at in talks:
            if tools := list(examples[at].tools):
                write = partial(self._write, tools=tools)
                texts[at] = _each(write, [examples[at].messages], UNWRITABLE)[0]
        return texts

    def _write(self, conversations: list[list[dict[str, Any]]], tools: list[Any] | None = None) -> list[str]:
        return list(self.tokenizer.apply_chat_template(conversations, tools=tools, tokenize=False))

    def _finished(self, text: str) -> str:
        end = self.inner.eos_token
        return text + end if self.data.add_end_token and end and not text.endswith(end) else text

    def _ids(self, texts: list[str]) -> list[list[int] | DataError]:
        """All ids of each text, also those that do not fit."""
        found: list[list[int] | DataError] = [[] for _ in texts]
        for special in (False, True):
            members = [at for at, text in enumerate(texts) if self._wants_special(text) is special]
            made = _each(partial(self._whole, special=special), [texts[at] for at in members], "it cannot be tokenised")
            for at, ids in zip(members, made, strict=True):
                found[at] = ids
        return found

    def _wants_special(self, text: str) -> bool:
        """Whether the tokenizer puts its begin token before a text: not where Unsloth sees that it would be there twice."""
        return not (self.bos_token and (text.startswith(self.bos_token) or self.bos_token in (self.template or "")))

    def _whole(self, texts: list[str], special: bool) -> list[list[int]]:
        if self._backend is None or len(texts) == 1:
            return self._tokenised(texts, special)
        self._tokenised(texts[:1], special)  # by which the library is told neither to cut nor to pad
        return [one.ids for one in self._backend.encode_batch_fast(texts, add_special_tokens=special)]

    @cached_property
    def _backend(self) -> Any:
        """The library below a tokenizer that does nothing but ask it, which is quicker; None below any other."""
        asks = getattr(type(self.inner), "_encode_plus", None)
        backend = getattr(self.inner, "backend_tokenizer", None)
        only_asks = getattr(asks, "__module__", "") == "transformers.tokenization_utils_tokenizers"
        return backend if only_asks and hasattr(backend, "encode_batch_fast") else None

    def _tokenised(self, texts: list[str], special: bool, **chosen: Any) -> list[list[int]]:
        made = self.inner(texts, add_special_tokens=special, return_attention_mask=False, verbose=False, **chosen)
        return list(made["input_ids"])

    def _fitting(self, ids: list[int], text: str) -> list[int]:
        """The ids by which the answers are found: cut as the trainer cuts them, or whole where nothing is cut."""
        if len(ids) <= self.max_seq_length or self.data.overlong != "truncate":
            return ids
        if self.inner.truncation_side == "right" and not self._wants_special(text):
            return ids[: self.max_seq_length]
        special = self._wants_special(text)
        return self._tokenised([text], special, truncation=True, max_length=self.max_seq_length)[0]

    def _by_mask(self, examples: Sequence[Example], members: list[int]) -> Iterator[tuple[Mask, list[int]]]:
        """Of plain text everything is learned, unless the session names the markers in it."""
        masked = [at for at in members if self.data.train_on_responses_only and self._has_answers(examples[at])]
        if masked:
            yield self.answers, masked
        if whole := sorted({*members} - {*masked}):
            yield everything, whole

    def _has_answers(self, example: Example) -> bool:
        return bool(example.turns) or self.data.response_part is not None

    def _encoded(
        self, ids: list[int], kept: list[int], labels: list[int], text: str, unwritten: tuple[Part, ...]
    ) -> Encoded:
        if len(ids) <= self.max_seq_length:
            return Encoded(ids, labels, text, unwritten=unwritten)
        cut = ids[len(kept) :]
        return Encoded([*kept, *cut], [*labels, *[IGNORED] * len(cut)], text, self.max_seq_length, unwritten)

    def _given(self, example: Example) -> Encoded:
        ids, labels = list(example.tokens), list(example.labels or example.tokens)
        return Encoded(ids, labels, "", self.max_seq_length if len(ids) > self.max_seq_length else None)


def unwritten(example: Example, text: str) -> tuple[Part, ...]:
    """What of a conversation is not in the text that a chat template made of it.

    A template may well write only the last thought, as some do: it leaves thinking out where it writes none.
    """
    listed = [name_of(tool) for tool in example.tools if _is_listed(tool, text)]
    said = [*listed, *(turn.content for turn in example.turns)]
    calls = {name_of(call) for turn in example.turns for call in turn.tool_calls} - {""}
    thoughts = [turn.reasoning.strip() for turn in example.turns if turn.reasoning.strip()]
    left_out: dict[Part, bool] = {
        "tools": len(listed) < len(example.tools),
        "calls": any(text.count(name) <= sum(part.count(name) for part in said) for name in calls),
        "thoughts": bool(thoughts) and not any(thought in text for thought in thoughts),
    }
    return tuple(part for part, missing in left_out.items() if missing)


def _is_listed(tool: dict[str, Any], text: str) -> bool:
    """Whether a text has a tool, by its name and the first word of what it is for."""
    function = tool.get("function", tool)
    purpose = str(function.get("description") or "").split() if isinstance(function, dict) else []
    return name_of(tool) in text and (not purpose or not _is_plain(purpose[0]) or purpose[0] in text)


def _is_plain(word: str) -> bool:
    """Whether a word is written in JSON as it is."""
    return word.isascii() and word.isalnum()


def name_of(described: dict[str, Any]) -> str:
    """The name of a tool, or of the one that is called; empty where it has none."""
    function = described.get("function", described)
    return str(function.get("name", "")) if isinstance(function, dict) else ""


def _each(make: Callable[[list[Given]], list[Made]], given: list[Given], complaint: str) -> list[Made | DataError]:
    """All at once, which is faster, or one by one where one of them cannot be made."""
    if not given:
        return []
    try:
        return [*make(given)]
    except REFUSALS as error:
        if len(given) == 1:
            return [DataError(f"{complaint}: {' '.join(str(error).split()) or type(error).__name__}")]
    return [_each(make, [one], complaint)[0] for one in given]


def _only(made: Sequence[Made | DataError]) -> Made:
    if isinstance(made[0], DataError):
        raise made[0]
    return made[0]
