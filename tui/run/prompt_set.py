"""The answers to a set of prompts as a table shows them: their measures, and both ways of saving them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from tui.run.chat_events import Answered, Voice
from tui.run.lines import escaped
from tui.session.file import write_atomic
from tui.words import plain

CELL = 300
"""Longer texts are cut in a Markdown table."""


@dataclass(frozen=True)
class SetAnswer:
    """What one voice answered."""

    text: str
    tokens: int = 0
    seconds: float = 0.0
    error: str = ""
    """Why there is none."""


@dataclass(frozen=True)
class SetRow:
    """One prompt and the answers to it."""

    prompt: str
    reference: str = ""
    answers: dict[Voice, SetAnswer] = field(default_factory=dict)

    def exact(self, voice: Voice) -> bool | None:
        """Whether an answer equals the reference once white space around them is removed; None where that is unknown."""
        answer = self.answers.get(voice)
        if answer is None or answer.error or not self.reference:
            return None
        return answer.text.strip() == self.reference.strip()


@dataclass(frozen=True)
class PromptSet:
    """A set of prompts that is being answered, or has been."""

    id: str
    voices: tuple[Voice, ...]
    model: str = ""
    """Who was asked, for people."""
    asked_of: str = ""
    """The name of the folder whose engine answers."""
    of: int = 0
    rows: tuple[SetRow, ...] = ()
    done: bool = False
    error: str = ""

    @property
    def answered(self) -> int:
        return sum(len(row.answers) for row in self.rows)


@dataclass(frozen=True)
class Measure:
    """What one voice did on all prompts it has answered."""

    answered: int
    tokens: float
    """Mean length."""
    seconds: float
    """Mean time."""
    exact: int
    judged: int
    """Answers for which a reference is known."""


def fold_answered(found: PromptSet, event: Answered) -> PromptSet:
    """The set after one more answer, or its end; answers of other sets change nothing."""
    if event.id != found.id or found.done:
        return found
    if event.done:
        return replace(found, done=True, error=event.error, of=event.of or found.of)
    rows = [*found.rows, *(SetRow("") for _ in range(event.at + 1 - len(found.rows)))]
    row = rows[event.at]
    answers = row.answers | {event.voice: SetAnswer(event.text, event.tokens, event.seconds, event.error)}
    rows[event.at] = SetRow(event.prompt or row.prompt, event.reference or row.reference, answers)
    return replace(found, rows=tuple(rows), of=max(event.of, len(rows)))


def stopped(found: PromptSet) -> PromptSet:
    """The set once nobody waits for the rest of it."""
    return replace(found, done=True, error=found.error or "stopped before all were answered")


def measure(found: PromptSet, voice: Voice) -> Measure:
    """The measures of one voice."""
    answers = [it for row in found.rows if (it := row.answers.get(voice)) and not it.error]
    judged = [exact for row in found.rows if (exact := row.exact(voice)) is not None]
    count = max(1, len(answers))
    tokens, seconds = sum(it.tokens for it in answers) / count, sum(it.seconds for it in answers) / count
    return Measure(len(answers), tokens, seconds, sum(judged), len(judged))


def places(path: Path) -> list[Path]:
    """The files that a set is written to: JSON lines (``.jsonl``), Markdown (``.md``), or without such an ending both."""
    return (
        [path] if path.suffix in (".jsonl", ".md") else [path.with_name(path.name + suffix) for suffix in (".jsonl", ".md")]
    )


def save(found: PromptSet, path: Path) -> list[Path]:
    """Write the set to its `places`. Raises OSError."""
    for place in places(path):
        write_atomic(place, to_jsonl(found) if place.suffix == ".jsonl" else to_markdown(found))
    return places(path)


def to_jsonl(found: PromptSet) -> str:
    """A line a prompt, with each voice's answer and its measures."""
    lines = []
    for row in found.rows:
        answers = {
            voice: {**vars(it), "seconds": round(it.seconds, 3), "exact": row.exact(voice)}
            for voice, it in row.answers.items()
        }
        told = {"prompt": row.prompt, "reference": row.reference, "answers": answers}
        lines.append(escaped(json.dumps(told, ensure_ascii=False)))
    return "".join(f"{line}\n" for line in lines)


def to_markdown(found: PromptSet) -> str:
    """The measures, and a table of all prompts."""
    heads = [f"{voice} | tokens | s | exact" for voice in found.voices]
    lines = [f"# {_cell(found.model)}: {len(found.rows)} prompts", ""]
    lines += [f"- {voice}: {measure_words(measure(found, voice))}" for voice in found.voices]
    lines += ["", f"| prompt | reference | {' | '.join(heads)} |", "|" + " --- |" * (2 + 4 * len(heads))]
    lines += [f"| {' | '.join(_cells(row, found.voices))} |" for row in found.rows]
    return "\n".join(lines) + "\n"


def measure_words(told: Measure) -> str:
    """The measures of one voice in words."""
    exact = f"{told.exact} of {told.judged} exact, " if told.judged else ""
    return f"{told.answered} answers, {exact}{told.tokens:.0f} tokens and {told.seconds:.1f} s each"


def _cells(row: SetRow, voices: tuple[Voice, ...]) -> Iterator[str]:
    yield from (_cell(row.prompt), _cell(row.reference))
    for voice in voices:
        if (it := row.answers.get(voice)) is None:
            yield from ("", "", "", "")
        else:
            exact = {True: "yes", False: "no", None: ""}[row.exact(voice)]
            yield from (_cell(it.error or it.text), str(it.tokens), f"{it.seconds:.1f}", exact)


def _cell(text: str) -> str:
    """One line that cannot end its cell, begin a tag or steer a terminal."""
    line = plain(" ".join(text.split()))
    line = line[:CELL] + "…" if len(line) > CELL else line
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
