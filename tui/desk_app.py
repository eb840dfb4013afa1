"""The part of the window that makes sessions: open, save, undo, presets, drafts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.reactive import var
from textual.screen import Screen

from tui.look_app import LookApp
from tui.screens import messages
from tui.screens.dialogs.ask import AskDialog
from tui.session import drafts, file
from tui.session.desk import Desk
from tui.session.fields import get_value
from tui.session.presets import list_presets, own_presets_folder, save_preset
from tui.session.schema import Session
from tui.session.text import to_text
from tui.widgets.foreign import plain

DRAFT_S = 2.0
"""How often what is not saved is kept."""


class DeskApp(LookApp):
    """Lays one session on the desk and shows every change of it to the screens."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "Save", id="save", tooltip="Write the session to its TOML file", show=False),
        Binding("ctrl+shift+s", "save_as", "Save as", id="save_as", tooltip="Write it to another file", show=False),
        Binding("ctrl+o", "open", "Open", id="open", tooltip="A file, the last ones, or a copy from a run", show=False),
        Binding("ctrl+z", "undo", "Undo", id="undo", tooltip="Take the last change of the session back", show=False),
        Binding("ctrl+y", "redo", "Redo", id="redo", tooltip="Make that change again", show=False),
        Binding("f12", "changes", "Changes", id="changes", tooltip="What differs from the defaults or another", show=False),
    ]

    session: var[Session] = var(Session)
    session_label: var[str] = var("")
    """Which session this is, and whether it is saved."""
    laid: var[int] = var(0)
    """How many times the session was replaced as a whole: what is typed and not allowed was about an earlier one."""

    def __init__(self, session: Session | None, path: Path | None) -> None:
        super().__init__()
        self.desk = Desk(session, path)
        self.set_reactive(DeskApp.session, self.desk.session)
        self.refused: dict[str, dict[str, str]] = {}
        """What is typed and not allowed, by place and key."""

    def start_desk(self) -> None:
        """Offer what was left unsaved, and keep what is not saved from now on."""
        self.show_session()
        self.try_to(self.desk.remember)
        self.set_interval(DRAFT_S, lambda: self.try_to(self.desk.keep_draft))
        if self.desk.session == Session():
            self.offer_draft()

    def show_session(self) -> None:
        """Hand the session to the screens."""
        self.session = self.desk.session
        name = self.desk.path.name if self.desk.path else "" if self.session == Session() else "new session"
        self.session_label = f"{name}{' ●' if self.desk.unsaved and name else ''}"

    def show_another(self) -> None:
        """Hand over a session that takes the place of the one before."""
        self.show_session()
        self.laid += 1

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        yield from super().get_system_commands(screen)
        help_text = "Keep how this session trains, to apply it to others"
        yield SystemCommand("Keep as preset", help_text, self.action_keep_preset)

    # ---- changing

    def on_session_edited(self, event: messages.SessionEdited) -> None:
        try:
            self.desk.edit(event.changes)
        except file.SessionError as error:
            self.notify(plain(str(error)), severity="error", markup=False)
        self.show_session()

    def on_fields_refused(self, event: messages.FieldsRefused) -> None:
        self.refused[event.place] = event.refused

    def action_undo(self) -> None:
        if self.refused.get(self.current_mode or ""):
            self.show_another()
            return
        if not self.desk.undo():
            self.notify("nothing to take back")
        self.show_session()

    def action_redo(self) -> None:
        if not self.desk.redo():
            self.notify("nothing was taken back")
        self.show_session()

    @work(group="dialog", exclusive=True)
    async def action_choose_preset(self) -> None:
        from tui.screens.dialogs.differences import PresetDialog

        if preset := await self.push_screen_wait(PresetDialog(list_presets(), self.session)):
            self.desk.replace(preset.applied_to(self.session))
            self.show_another()
            self.notify(f"{plain(preset.title)}: ctrl+z takes it back", markup=False)

    # ---- files

    @work(group="dialog", exclusive=True)
    async def action_save(self) -> None:
        path = self.desk.path
        if path is None:
            await self.save_as()
        elif await self.may_leave_out() and await self.may_replace(path) and self.try_to(lambda: self.desk.save(path)):
            self.show_session()
            self.notify(f"saved as {plain(str(path))}", markup=False)

    @work(group="dialog", exclusive=True)
    async def action_save_as(self) -> None:
        await self.save_as()

    async def save_as(self) -> None:
        """Ask for a file and save there."""
        from tui.screens.dialogs.path import SaveDialog

        if not await self.may_leave_out():
            return
        suggestion = str(self.desk.path or Path.cwd() / "session.toml")
        if path := await self.push_screen_wait(SaveDialog("Save the session as", suggestion, self.desk.save)):
            self.show_session()
            self.notify(f"saved as {plain(str(path))}", markup=False)

    async def may_leave_out(self) -> bool:
        """Whether to save although something typed is no value; asked with what is saved in its place."""
        refused = [item for typed in self.refused.values() for item in typed.items()]
        told = [
            f"{key}: {text}; {to_text(get_value(self.session, key)) or 'nothing'} would be saved" for key, text in refused
        ]
        question = "Not all that is typed is a value:\n\n" + "\n".join(told)
        return not told or await self.push_screen_wait(AskDialog(question, "Save"))

    async def may_replace(self, path: Path) -> bool:
        """Whether the file may be written over; asked when somebody else changed it."""
        if not self.desk.changed_elsewhere():
            return True
        question = f"{path.name} was changed since it was opened here. Replace it?"
        return await self.push_screen_wait(AskDialog(question, "Replace"))

    @work(group="dialog", exclusive=True)
    async def action_open(self) -> None:
        from tui.screens.dialogs.open import OpenDialog

        suggestion = str(self.desk.path or f"{Path.cwd()}/")
        opened = await self.push_screen_wait(OpenDialog(suggestion))
        if opened is None or not await self.may_lose():
            return
        self.try_to(lambda: self.desk.open(opened.session, opened.path))
        self.show_another()

    @work(group="dialog", exclusive=True)
    async def on_session_copied(self, event: messages.SessionCopied) -> None:
        if await self.may_lose():
            self.try_to(lambda: self.desk.open(event.session, None))
            self.show_another()
            self.switch_mode("tune")

    async def may_lose(self) -> bool:
        """Whether another session may take the place of this one; asked when it is not saved."""
        if not self.desk.unsaved:
            return True
        question = "This session was not saved. Open the other one all the same?"
        return await self.push_screen_wait(AskDialog(question, "Open"))

    @work(group="dialog", exclusive=True)
    async def offer_draft(self) -> None:
        """Ask once whether a session that a crash left unsaved is gone on with; it stays in the list of ctrl+o."""
        left = [draft for draft in drafts.left_behind() if not draft.offered]
        if not left:
            return
        draft = left[0]
        self.try_to(lambda: drafts.mark_offered(draft))
        session = draft.session
        what = f"{Path(session.model.name).name or 'no model'}, {Path(session.data.source).name or 'no data'}"
        of = f" of {draft.of.name}" if draft.of else ""
        question = f"A session{of} was not saved on {draft.time:%d %b at %H:%M} ({what}). Go on with it?"
        if await self.push_screen_wait(AskDialog(question, "Go on", "Not now")):
            self.desk.open_draft(draft)
            self.show_another()

    @work(group="dialog", exclusive=True)
    async def action_choose_gpus(self) -> None:
        from tui.screens.dialogs.gpus import GpuDialog, list_gpus

        chosen = await self.push_screen_wait(GpuDialog(list_gpus(), self.session.model.device))
        if chosen is not None:
            self.post_message(messages.SessionEdited(chosen))

    @work(group="dialog", exclusive=True)
    async def action_give_token(self) -> None:
        from tui.screens.dialogs.token import TokenDialog

        if user := await self.push_screen_wait(TokenDialog()):
            self.notify(f"the hub knows you as {plain(user)}", markup=False)

    @work(group="dialog", exclusive=True)
    async def action_changes(self) -> None:
        from tui.screens.dialogs.differences import ChangesDialog
        from tui.screens.dialogs.open import find_offers

        others = [("the defaults", Session())]
        if self.desk.path:
            others.append((f"saved {self.desk.path.name}", self.desk.saved))
        others += [(f"{offer.kind} {offer.name}", offer.opened.session) for offer in find_offers()]
        await self.push_screen_wait(ChangesDialog(self.session, others))

    @work(group="dialog", exclusive=True)
    async def action_keep_preset(self) -> None:
        from tui.screens.dialogs.path import SaveDialog

        suggestion = str(own_presets_folder() / "mine.toml")
        session = self.session
        dialog = SaveDialog("Keep how this session trains as a preset", suggestion, lambda path: save_preset(path, session))
        if path := await self.push_screen_wait(dialog):
            self.notify(f"kept as {plain(str(path))}; F9 on Tune lists it", markup=False)
