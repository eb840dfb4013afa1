"""Lets several voices answer a set of prompts: those of the session, the held-out part of the data, or a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from tui.catalog.local import ModelError
from tui.data.columns import ASKED, rank
from tui.data.converting import examples
from tui.data.examples import Example
from tui.data.looking import reading_of
from tui.data.opening import iterate_records
from tui.data.records import DataError, Row
from tui.engine.chatting import answer_together, why_silent
from tui.engine.dataset import iterate_prompts, read_split
from tui.engine.emit import Emit
from tui.engine.hearing import Answer
from tui.engine.inspecting import telling
from tui.engine.loading import Loaded
from tui.engine.processes import Cancelled
from tui.engine.writing import Turn
from tui.resources import expanded
from tui.run.commands import AnswerSet
from tui.run.events import Answered, PhaseChanged, Voice
from tui.session import file
from tui.session.schema import Session
from tui.session.sections.data import DataSection

CHUNK = 64
"""Prompts that one voice answers before the next one does, so that pairs are seen before the end of a long set."""
LINES = (".txt", ".md")
"""Files with a prompt on each line."""


@dataclass(frozen=True)
class Prompt:
    """One of a set."""

    messages: list[Turn]
    reference: str = ""
    """The answer in the data; empty where none is known."""


def answer_set(job: AnswerSet, loaded: Loaded, emit: Emit, cancelled: Callable[[], bool]) -> None:
    """Answer a set as `Answered` events, the last of which is done. Raises DataError, SessionError and ModelError."""
    for voice in job.voices:
        if refusal := why_silent(loaded, voice):
            raise ModelError(refusal)
    try:
        asked = list(islice(_prompts(job, file.parse(job.session), loaded, emit, cancelled), max(0, job.count)))
    except Cancelled:
        asked = []
    done = 0
    for start in range(0, len(asked), CHUNK):
        for voice in job.voices:
            for event in _answered(job, loaded, asked, start, voice, cancelled):
                emit(event)
                done += 1
                share = done / (len(asked) * len(job.voices))
                emit(PhaseChanged(phase="comparing", text=f"{len(asked)} prompts, answered by {voice}", fraction=share))
    emit(Answered(id=job.id, of=len(asked), done=True))


def _answered(
    job: AnswerSet, loaded: Loaded, asked: list[Prompt], start: int, voice: Voice, cancelled: Callable[[], bool]
) -> Iterator[Answered]:
    chunk = asked[start : start + CHUNK]
    began = time.monotonic()
    for batch in answer_together(loaded, [prompt.messages for prompt in chunk], voice, job.sampling, cancelled):
        each_s = (time.monotonic() - began) / len(batch)
        for at, made in batch.items():
            yield _event(job, chunk[at], made, each_s, start + at, len(asked), voice)
        began = time.monotonic()


def _event(job: AnswerSet, prompt: Prompt, made: Answer, seconds: float, at: int, of: int, voice: Voice) -> Answered:
    told = str(prompt.messages[-1]["content"]) if prompt.messages else ""
    error = "" if made.limit else "this prompt alone is longer than the model was loaded for"
    return Answered(
        id=job.id,
        at=at,
        of=of,
        voice=voice,
        prompt=told,
        reference=prompt.reference,
        text=made.text,
        tokens=made.tokens,
        seconds=seconds,
        error=error,
    )


def _prompts(
    job: AnswerSet, session: Session, loaded: Loaded, emit: Emit, cancelled: Callable[[], bool]
) -> Iterator[Prompt]:
    match job.source:
        case "session":
            if not session.evaluation.sample_prompts:
                raise DataError("the session has no sample prompts; write some into evaluation.sample_prompts")
            yield from (_asking(text, session) for text in session.evaluation.sample_prompts)
        case "held-out":
            split = read_split(session, loaded.tokenizer, progress=telling(emit), cancelled=cancelled)
            if split.held_out is None:
                raise DataError(
                    "nothing is held out: evaluation.fraction, evaluation.count or evaluation.source say what is"
                )
            yield from (Prompt(example.prompt, example.answer) for example in iterate_prompts(session, split))
        case "file":
            yield from _in_file(expanded(job.file), session)


def _asking(text: str, session: Session) -> Prompt:
    system = [{"role": "system", "content": session.chat.system_prompt}] if session.chat.system_prompt else []
    return Prompt([*system, {"role": "user", "content": text}])


def _in_file(path: Path, session: Session) -> Iterator[Prompt]:
    """The prompts of a file: its lines, or its rows read as the session reads its data, or as they are understood."""
    if path.suffix.lower() in LINES:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
        yield from (_asking(line.strip(), session) for line in lines if line.strip())
        return
    alone = {"source": str(path), "more_sources": (), "mix_weights": (), "mix_counts": (), "split": "train", "subset": None}
    data = session.data.model_copy(update=alone)
    try:
        reading = reading_of(data)
    except DataError:
        data = DataSection(source=str(path))  # another kind of rows than those of the session
        try:
            reading = reading_of(data)
        except DataError:
            yield from _questions(data, session)
            return
    for record, found in examples(iterate_records(data), reading, data):
        if isinstance(found, Example) and found.prompt:
            yield Prompt(found.prompt, found.answer)
        elif record.row is not None and (question := _question(record.row)):
            yield _asking(question, session)


def _questions(data: DataSection, session: Session) -> Iterator[Prompt]:
    """Rows that ask something and have no answer. Raises DataError when there are none."""
    found = [question for record in iterate_records(data) if record.row is not None and (question := _question(record.row))]
    if not found:
        raise DataError(f"no row of {data.source} has a prompt in it: no column is named like one")
    yield from (_asking(question, session) for question in found)


def _question(row: Row) -> str:
    """What a row asks, by the name of its columns; empty when it asks nothing."""
    ranked = [(found, name) for name, value in row.items() if isinstance(value, str) and (found := rank(name, ASKED))]
    best = max(ranked, key=lambda it: (it[0][0], -it[0][1]), default=None)
    return str(row[best[1]]).strip() if best else ""
