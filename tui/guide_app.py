"""The part of the window that shows the way: help, going about by letters, the tour, the demo, hints, what is lacking."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.reactive import var
from textual.screen import Screen

from tui.desk_app import DeskApp
from tui.resources import config
from tui.run.demo import DemoError, demo_session, unpack_model
from tui.screens import messages
from tui.screens.dialogs.ask import TextDialog
from tui.screens.dialogs.base import HELP_KEYS, Dialog
from tui.screens.dialogs.go import GoDialog
from tui.screens.dialogs.tour import STEPS, TourDialog
from tui.screens.place_help import about
from tui.session import file
from tui.session.ready import lacking
from tui.session.text import describe
from tui.widgets.field_row import FieldRow
from tui.widgets.foreign import plain
from tui.widgets.help import help_text
from tui.widgets.place_bar import PLACES, PlaceTab

if TYPE_CHECKING:
    from tui.machine.finding import Finding

OWN_COMMANDS = ("Quit", "Keys")
"""Commands of Textual that are here under other names."""
LOOKS, LOOK_S = 10, 0.1
"""A place that has just been gone to may first have to find what there is to act on."""


def examine_box() -> tuple[list[Finding], str]:
    """What works on this box, and in a sentence what it can train; takes some seconds where the hub is far."""
    from tui.machine import doctor, probes  # asked for seldom, and the first picture need not wait for them

    facts = probes.probe()
    # the terminal is not asked about: Textual stands between
    return [it for it in doctor.examine(facts=facts) if it.name != "terminal"], doctor.can_train(facts)


def things() -> type[Provider]:
    """What the palette finds of ours; the first picture need not wait for it."""
    from tui.screens.palette import Things

    return Things


class GuideApp(DeskApp):
    """Says where one is, what can be done there, and what comes next."""

    COMMANDS = DeskApp.COMMANDS | {things}
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(p.key, f"go('{p.mode}')", p.title, id=f"go.{p.mode}", tooltip=p.help, show=False, priority=True)
            for p in PLACES
        ),
        *HELP_KEYS,
        Binding("g", "go_by_letter", "Go", show=False, id="go", tooltip="Go to a place by its first letter"),
    ]

    standing: var[str] = var("")
    """What is lacking before the session can be trained, or how far the run is."""
    blocking: int | None = None
    """How many things stand in the way of training it, once Tune has looked."""

    def start_guide(self) -> None:
        """Take the user's own keys, where there are any."""
        if (config() / "keys.toml").exists():
            from tui.keys import load_keymap
            from tui.screens.bindings import named_bindings  # loads every place

            keymap, faults = load_keymap(named_bindings(type(self)))
            self.set_keymap(keymap)
            for fault in faults:
                self.notify(plain(fault), severity="error", markup=False, timeout=15)

    def show_session(self) -> None:
        super().show_session()
        self.show_standing()

    def show_standing(self) -> None:
        """Say what is lacking."""
        missing = lacking(self.session)
        if not missing and self.blocking:
            missing = [f"{self.blocking} mended (F4)"]
        ready = "F4 checks it" if self.blocking is None else "✓ ready"
        self.standing = f"needs {', '.join(missing)}" if missing else ready

    def on_judged(self, event: messages.Judged) -> None:
        self.blocking = event.blocking
        self.show_standing()

    # ---- going about

    def action_go(self, mode: str) -> None:
        self.switch_mode(mode)

    def on_place_tab_chosen(self, event: PlaceTab.Chosen) -> None:
        self.switch_mode(event.mode)

    @work(group="dialog", exclusive=True)
    async def action_go_by_letter(self) -> None:
        if mode := await self.push_screen_wait(GoDialog()):
            self.switch_mode(mode)

    async def on_action_wanted(self, event: messages.ActionWanted) -> None:
        await self.switch_mode(event.place)
        self.screen.call_after_refresh(self.act, event)

    async def act(self, wanted: messages.ActionWanted, looks: int = LOOKS) -> None:
        """Do what a key of this name does here, as soon as it does."""
        found = next((it for it in self.screen.active_bindings.values() if it.binding.id == wanted.name), None)
        if found:
            await self.run_action(found.binding.action, found.node)
        elif looks:
            self.set_timer(LOOK_S, partial(self.act, wanted, looks - 1))
        elif hasattr(self.screen, f"action_{wanted.action.partition('(')[0]}"):  # what has the focus has its key
            await self.screen.run_action(wanted.action)
        else:
            self.notify(f"{wanted.title}: there is nothing to do it with now")

    async def on_field_wanted(self, event: messages.FieldWanted) -> None:
        await self.switch_mode("tune")
        self.screen.call_after_refresh(getattr(self.screen, "find_field"), event.key)  # noqa: B009

    @work(group="tour", exclusive=True)
    async def action_tour(self) -> None:
        """Go through the places; where it ends, one stays."""
        at = 0
        while 0 <= at < len(STEPS):
            await self.switch_mode(STEPS[at][0])
            answer = await self.push_screen_wait(TourDialog(at))
            at = {"next": at + 1, "back": max(0, at - 1)}.get(answer, len(STEPS))

    # ---- help

    def action_explain(self) -> None:
        """Say what has the focus, what this place is for, and which keys work."""
        if not isinstance(self.screen, TextDialog):
            above = self.focused.ancestors_with_self if self.focused else ()
            row = next((it for it in above if isinstance(it, FieldRow)), None)
            told = f"{row.spec.title}\n{describe(row.spec)}\n\n" if row else ""
            this = self.screen.HELP or about(self.current_mode or "")
            self.push_screen(TextDialog("Help", f"{told}{this}\n\nKeys\n{help_text(self.keys_here())}"))

    def keys_here(self) -> list[Binding]:
        """The keys that work now and have a name, and those of a dialog."""
        own = Binding.make_bindings(type(self.screen).BINDINGS) if isinstance(self.screen, Dialog) else ()
        named = [active.binding for active in self.screen.active_bindings.values() if active.binding.id]
        return [*(binding for binding in own if not binding.id), *named]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        own = {active.binding.id: active for active in screen.active_bindings.values() if active.binding.tooltip}
        yield from (command for command in super().get_system_commands(screen) if command.title not in OWN_COMMANDS)
        yield SystemCommand("Doctor", "What works on this box, what does not, and what to do", self.action_doctor)
        yield SystemCommand("Demo", "Train a small model on sample data, here and now: some minutes", self.action_demo)
        yield SystemCommand("Tour", f"The places, in {len(STEPS)} steps", self.action_tour)
        for name, active in own.items():
            if name:
                act = partial(self.call_later, self.run_action, active.binding.action, active.node)
                yield SystemCommand(active.binding.description, active.binding.tooltip, act)

    @work(group="dialog", exclusive=True)
    async def action_doctor(self) -> None:
        self.notify("examining this box …", timeout=2)
        findings, sentence = await asyncio.to_thread(examine_box)
        signs = {"ok": "✓", "limited": "!", "missing": "✗"}
        lines = [f"{signs.get(it.state, '?')} {it.name}: {it.found}" for it in findings]
        advice = [f"{it.name}: {it.advice}" for it in findings if it.advice]
        await self.push_screen_wait(TextDialog("This box", "\n".join([sentence, "", *lines, "", *advice])))

    def on_learned(self, event: messages.Learned) -> None:
        self.keep_in_mind(self.remembered.with_done(event.hint))

    # ---- the demo

    @work(group="start", exclusive=True)
    async def action_demo(self) -> None:
        """Lay the demo's session on the desk and train it."""
        if not await self.may_lose():
            return
        self.notify("preparing SmolLM2-135M-Instruct; the first time takes half a minute")
        try:
            await asyncio.to_thread(unpack_model)
        except (DemoError, OSError) as error:
            self.notify(plain(str(error)), severity="error", markup=False)
            return
        if not self.try_to(lambda: self.desk.open(demo_session(), None)):
            return
        self.show_another()
        await self.run_action("app.start_run")

    def on_session_chosen(self, event: messages.SessionChosen) -> None:
        self.open_session(event.path)

    @work(group="dialog", exclusive=True)
    async def open_session(self, path: Path) -> None:
        """Lay a session file on the desk."""
        try:
            session = file.load(path)
        except file.SessionError as error:
            self.notify(plain(str(error)), severity="error", markup=False)
            return
        if await self.may_lose() and self.try_to(lambda: self.desk.open(session, path)):
            self.show_another()
