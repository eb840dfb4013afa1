"""The part of the window that starts runs: now, in their turn or elsewhere, once nothing stands in the way of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from textual import work
from textual.app import SystemCommand
from textual.reactive import var
from textual.screen import Screen

from tui.chat_app import ChatApp
from tui.run import queue
from tui.run.folder import RunFolder
from tui.run.state import RunState
from tui.screens import messages
from tui.screens.dialogs.ask import AskDialog, TextDialog
from tui.screens.dialogs.beside import BesideDialog
from tui.session import consent
from tui.session.problem import Problem
from tui.session.schema import Session
from tui.widgets.foreign import plain

SLOW_S = 0.5
"""A check that takes longer says that it is going on."""


def problems_of(session: Session) -> list[Problem]:
    """All that keeps a session from being trained here, or should be known before."""
    from tui.run.preflight import preflight

    return preflight(session)


class StartApp(ChatApp):
    """Trains the session, or hands it to whoever does."""

    run_folder: var[RunFolder | None] = var(None)
    run_state: var[RunState] = var(RunState)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        help_text = "Train it when a GPU is free and its turn has come"
        yield SystemCommand("Queue this session", help_text, self.queue_session)

    @work(group="start", exclusive=True)
    async def action_start_run(self) -> None:
        session = self.session
        if self.client.view.running and self.run_folder:
            answer = await self.push_screen_wait(BesideDialog(self.run_folder.name))
            if answer != "beside":
                if answer == "queue":
                    await self.enqueue(session)
                return
        if await self.trainable(session) and self.ask(lambda: self.client.start(session)):
            self.switch_mode("live")

    @work(group="start", exclusive=True)
    async def queue_session(self) -> None:
        """Let the session wait for a GPU behind the others."""
        await self.enqueue(self.session)

    async def enqueue(self, session: Session) -> None:
        """Let a session wait, unless something stands in its way."""
        if await self.trainable(session) and self.try_to(lambda: queue.enqueue(session)):
            self.notify("the session waits for its turn; Runs (F7) shows and changes the order")
            self.switch_mode("runs")

    @work(group="start", exclusive=True)
    async def action_hand_over(self) -> None:
        """Write the session as a job for a cluster or a cloud, and submit it when told to."""
        from tui.screens.dialogs.hand_over import HandOverDialog

        if folder := await self.push_screen_wait(HandOverDialog(self.session, self.agreed)):
            self.post_message(messages.RunPicked(folder))

    @work(group="start", exclusive=True)
    async def action_fit(self) -> None:
        """Measure settings of the session, and change it to those that are taken."""
        from tui.screens.dialogs.fit import FitDialog  # asked for seldom, and the first picture need not wait for it

        session = self.session
        if not await self.trainable(session):
            return
        if self.run_state.chat_ready:
            self.ask(self.client.release)
        at_work = self.run_folder if self.client.view.running else None
        busy = f"{at_work.name} is training: measure when it has ended" if at_work else ""
        if changes := await self.push_screen_wait(FitDialog(session, plain(busy))):
            self.post_message(messages.SessionEdited(dict(changes)))
            self.notify("the session trains with these settings now; ctrl+z takes them back")

    async def trainable(self, session: Session) -> bool:
        """Whether nothing stands in the way of training a session; says what does, and asks about code it brings."""
        hint = self.set_timer(SLOW_S, lambda: self.notify("checking the session …", timeout=2))
        problems = await asyncio.to_thread(problems_of, session)
        hint.stop()
        blocking = [f"{key}: {text}" for typed in self.refused.values() for key, text in typed.items()]
        blocking += [str(problem) for problem in problems if problem.blocking]
        if not blocking:
            obstacles = self.client.view.obstacles(session)
            blocking += [f"{finding.title} ({finding.count:,}). {finding.advice}" for finding in obstacles]
        if blocking:
            self.push_screen(TextDialog("This cannot be trained yet", "\n\n".join(blocking)))
            return False
        return await self.agreed(session)

    async def agreed(self, session: Session) -> bool:
        """Whether the code that a session brings may be run; asked once for each piece of it."""
        codes = consent.unagreed(session)
        if not codes:
            return True
        question = "This session runs code of its own:\n\n" + "\n".join(f"• {code.text}" for code in codes)
        if not await self.push_screen_wait(AskDialog(f"{question}\n\nRun it?", "Run it")):
            return False
        return self.try_to(lambda: consent.agree(codes))
