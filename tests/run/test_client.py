"""A window has one engine beside its run: where a model is wanted elsewhere, it makes room for another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tui.run import client, commands
from tui.run.client import MOVED, Client
from tui.run.folder import RunFolder, create_workbench
from tui.run.lines import Tail
from tui.run.partners import Partner
from tui.session import file


def kinds(folder: RunFolder) -> list[str]:
    """What was asked of an engine."""
    return [command.kind for line in Tail(folder.commands).read() if (command := commands.from_line(line))]


@contextmanager
def closing(it: Client) -> Iterator[Client]:
    yield it
    it.close()


def test_a_model_that_fits_on_another_device_is_loaded_there(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, RunFolder]] = []

    def open_workbench(device: str) -> RunFolder:
        opened.append((device, create_workbench()))
        return opened[-1][1]

    monkeypatch.setattr(client, "open_workbench", open_workbench)
    session = file.from_table({"model": {"name": "owner/model"}, "data": {"source": "none"}})
    with closing(Client()) as it:
        it.talker.ask_set("session", "", 1, ("tuned",), it.around(session))
        it.talker.turn_to(Partner("owner/model").taking("cpu"))
        it.talker.say("hi", ("tuned",), it.around(session))
        it.preview(0, session)
        (first_device, first), (second_device, second) = opened
        assert (first_device, second_device) == ("auto", "cpu")
        assert kinds(first) == ["answer_set", "release"] and kinds(second) == ["chat", "preview"]
        asked, talk = it.talker.state.prompt_set, it.talker.state.conversation
        assert asked and asked.error == MOVED and talk.open_exchange
