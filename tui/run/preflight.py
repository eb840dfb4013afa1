"""Everything that is wrong with a session, found before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from tui.catalog.local import ModelError, is_path, read_model
from tui.data.mapping import iterate_examples, shape_of
from tui.data.sources import DataError
from tui.session.checks import Problem, check
from tui.session.schema import Session

ROWS_READ = 10_000
"""So many rows of each file are read; the engine reads the rest when the run starts."""


def preflight(session: Session) -> list[Problem]:
    """The session's own problems, and those of the model folder and the files it names."""
    return [*check(session), *_model(session), *_files(session)]


def _model(session: Session) -> Iterator[Problem]:
    name = session.model.name
    if not name:
        return
    if not is_path(name):
        if name.count("/") != 1 or any(not part for part in name.split("/")):
            yield Problem("model.name", f"{name} is neither a folder here nor a name on the hub (owner/model)")
        return
    try:
        card = read_model(name)
    except ModelError as error:
        yield Problem("model.name", str(error))
        return
    if card.adapter_of:
        yield Problem("model.name", f"{name} is an adapter; choose its base model {card.adapter_of}")
    elif card.context_length and session.model.max_seq_length > card.context_length:
        yield Problem(
            "model.max_seq_length",
            f"the model was made for {card.context_length} tokens; longer ones need its position scaling",
            blocking=False,
        )


def _files(session: Session) -> Iterator[Problem]:
    for key, source in (("data.source", session.data.source), ("evaluation.source", session.evaluation.source)):
        if not source:
            continue
        try:
            shape = shape_of(source, session.data.format)
            for _ in islice(iterate_examples(source, shape), ROWS_READ):
                pass
        except DataError as error:
            yield Problem(key, str(error))
