"""Text from tokens as they come: whole characters only, and nothing of a text that is to end the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

HALF = "\N{REPLACEMENT CHARACTER}"
"""What a tokenizer gives for the beginning of a character whose rest is in the next tokens."""
MOST_WAITING = 32
"""Tokens that wait for the rest of a character; a model that goes on like this means it so."""


class Characters:
    """Turns the tokens of one answer into text, a few at a time.

    Some tokenizers write a token otherwise at the beginning of a text than after another one: each is read together with
    those that were told before it.
    """

    def __init__(self, decode: Callable[[list[int]], str]) -> None:
        self.decode = decode
        self.context: list[int] = []
        """What was told last."""
        self._length = 0
        """Characters of that."""
        self.waiting: list[int] = []
        """What is not told yet."""

    def add(self, token: int) -> str:
        """What can be told now that this token is here."""
        self.waiting.append(token)
        text = self._unsaid()
        if not text or (text.endswith(HALF) and len(self.waiting) < MOST_WAITING):
            return ""
        self._told()
        return text

    def rest(self) -> str:
        """What is left at the end, half a character too."""
        text = self._unsaid()
        self._told()
        return text

    def _unsaid(self) -> str:
        return self.decode([*self.context, *self.waiting])[self._length :] if self.waiting else ""

    def _told(self) -> None:
        self.context, self.waiting = self.waiting, []
        self._length = len(self.decode(self.context))


class StopTexts:
    """Ends a text before the first of some texts, and holds back what may be the beginning of one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = [text for text in texts if text]
        self.found = False
        self._held = ""

    def add(self, text: str) -> str:
        """What can be told of this and of what was held back."""
        if self.found:
            return ""
        self._held += text
        places = [at for stop in self.texts if (at := self._held.find(stop)) >= 0]
        self.found = bool(places)
        until = min(places) if places else len(self._held) - max(map(self._begun, self.texts), default=0)
        told = self._held[:until]
        self._held = "" if places else self._held[until:]
        return told

    def rest(self) -> str:
        """What was held back and is no stop text after all."""
        text, self._held = self._held, ""
        return text

    def _begun(self, stop: str) -> int:
        """How many of the last characters are the beginning of this text."""
        longest = min(len(stop) - 1, len(self._held))
        return next((length for length in range(longest, 0, -1) if stop.startswith(self._held[-length:])), 0)
