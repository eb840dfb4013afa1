"""What a model is trained on: a conversation, a text, or tokens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side says."""

    role: str
    """system, user, assistant or tool."""
    content: str
    reasoning: str = ""
    """What the assistant thinks before it answers (``reasoning_content``)."""
    tool_calls: tuple[dict[str, Any], ...] = ()
    """Calls in the form of chat templates: ``{"type": "function", "function": {"name": ..., "arguments": {...}}}``."""
    name: str = ""
    """Of the tool that answers."""

    @property
    def message(self) -> dict[str, Any]:
        """The turn as a chat template takes it."""
        extras = {"reasoning_content": self.reasoning, "tool_calls": list(self.tool_calls), "name": self.name}
        return {"role": self.role, "content": self.content} | {key: value for key, value in extras.items() if value}

    @property
    def told(self) -> str:
        """All that is thought, said and called, for people."""
        calls = [
            f"calls {json.dumps(call.get('function', call), ensure_ascii=False, default=str)}" for call in self.tool_calls
        ]
        thought = f"thinks: {self.reasoning}" if self.reasoning else ""
        return "\n".join(part for part in (thought, self.content, *calls) if part)


@dataclass(frozen=True, slots=True)
class Example:
    """One example: turns, or else text, or else tokens."""

    turns: tuple[Turn, ...] = ()
    tools: tuple[dict[str, Any], ...] = ()
    """What the assistant may call, as JSON schemas."""
    text: str = ""
    tokens: tuple[int, ...] = ()
    labels: tuple[int, ...] = ()
    """Of `tokens`: what is learned, -100 where nothing is; empty when all of them are."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The turns as a chat template takes them."""
        return [turn.message for turn in self.turns]

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """Who says what, for people; text and tokens have nobody who says them."""
        plain = " ".join(map(str, self.tokens)) or self.text
        return tuple((turn.role, turn.told) for turn in self.turns) or (("", plain),)

    @property
    def prompt(self) -> list[dict[str, Any]]:
        """The turns before the last answer; none when nobody answers."""
        last = max((at for at, turn in enumerate(self.turns) if turn.role == "assistant"), default=0)
        return self.messages[:last]

    @property
    def answer(self) -> str:
        """The last thing the assistant says; empty when it says nothing."""
        return next((turn.content for turn in reversed(self.turns) if turn.role == "assistant"), "")
