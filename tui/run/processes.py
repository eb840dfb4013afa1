"""How many processes the engine of a run is made of, and what changes with their number."""

from __future__ import annotations

from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.lines import Tail
from tui.session import file
from tui.session.file import replace_values
from tui.session.schema import Session

KEY = "cluster.nproc_per_node"
ACCUMULATION = "training.gradient_accumulation_steps"


def session_now(folder: RunFolder) -> Session:
    """The session of a run as its next engine will have it, with all that was changed meanwhile. Raises SessionError."""
    session = file.load(folder.session)
    for line in Tail(folder.events).read():
        if b'"changed"' in line and isinstance(told := events.from_line(line), events.Changed):
            session = replace_values(session, told.values)
    asked = [
        found for line in Tail(folder.commands).read() if isinstance(found := commands.from_line(line), commands.Resume)
    ]
    return replace_values(session, asked[-1].values) if asked else session


def gpus_seen(folder: RunFolder) -> int | None:
    """So many of the GPUs that its session names a run that goes on with fewer processes sees; None: all of them.

    Raises SessionError.
    """
    now, then = session_now(folder).cluster.nproc_per_node, file.load(folder.session).cluster.nproc_per_node
    return now if now < then else None


def with_processes(session: Session, count: int) -> tuple[dict[str, int | float], str]:
    """What changes when a run goes on with so many processes on each machine, by key; or why it cannot.

    An update must go on to see as many examples as before: then it learns the same, and goes through the same examples.
    """
    training, device = session.training, session.model.device
    if device not in ("auto", "cpu") and count > (named := device.count(",") + 1):
        return {}, f"{count} processes need a GPU each, and model.device names {named}; start another run for that"
    examples, batch = session.effective_batch, training.per_device_train_batch_size
    together = count * session.cluster.nodes
    if examples % (together * batch):
        text = (
            f"an update takes {examples} examples, {batch} at once, and {together} processes cannot share them evenly; "
            "start another run for that"
        )
        return {}, text
    return {KEY: count, ACCUMULATION: examples // (together * batch)}, ""
