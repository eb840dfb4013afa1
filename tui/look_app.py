"""The part of the window that is about its looks: themes, the user's own among them, chosen with a preview."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from textual import events, work
from textual._ansi_sequences import ANSI_SEQUENCES_KEYS
from textual.filter import LineFilter
from textual.keys import Keys
from textual.reactive import var

from tui.remembered import Remembered, recall, remember
from tui.resources import short
from tui.screens.dialogs.theme import ThemeDialog
from tui.screens.patient_app import PatientApp
from tui.terminal import has_terminal
from tui.themes import DEFAULT, OWN, SIXTEEN_COLOURS, UserThemes, load_themes, own_slots
from tui.widgets.foreign import plain
from tui.widgets.line_filters import AsciiFilter, StyleFilter, wanted

FUNCTION_KEYS = {f"alt+{digit}": f"f{digit or 10}" for digit in range(10)}
"""What stands for a function key where a terminal, or whoever sits before it, has none."""
ANSI_SEQUENCES_KEYS.update({f"\x1b{digit}": (Keys[f"F{digit or 10}"],) for digit in range(10)})  # type: ignore[attr-defined]
"""Most terminals send Escape and the digit, which Textual takes for the signs that a Mac has there."""
LOOK_S = 2.0
"""How often the user's theme files are looked at."""


class LookApp(PatientApp):
    """Wears a theme, and remembers which."""

    remembered: var[Remembered] = var(Remembered)

    def __init__(self) -> None:
        if "STY" in os.environ:  # GNU screen hands on what its terminal can do, and garbles more than 256 colours
            os.environ.pop("COLORTERM", None)
        super().__init__()
        self.user_themes = UserThemes()
        self.ascii = AsciiFilter(enabled=wanted(os.environ))
        self.remembered = recall()
        self._faults = self._take_themes()
        few = self.console.color_system == "standard" and has_terminal() and not self.no_color
        chosen = self.remembered.theme or (SIXTEEN_COLOURS if few else DEFAULT)
        self.theme = chosen if chosen in self.available_themes else DEFAULT
        self._colours: dict[str, str] = {}
        self.stylesheet.set_variables(self.get_css_variables())  # before the styles are read for the first time

    def get_line_filters(self) -> Sequence[LineFilter]:
        first = [StyleFilter()] if self.no_color else []
        return [*first, *super().get_line_filters(), *([self.ascii] if self.ascii.enabled else [])]

    def refresh_css(self, animate: bool = True) -> None:
        """Read all styles anew where a colour has changed; Textual would with each place that is opened first, twice."""
        before, self._colours = self._colours, self.get_css_variables()
        if before != self._colours:
            super().refresh_css(animate=animate)

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and (key := FUNCTION_KEYS.get(event.key)):
            event = events.Key(key, None)
        await super().on_event(event)

    def start_looks(self) -> None:
        """Say what is wrong with the user's themes, and look for changes in them from now on."""
        self._tell(self._faults)
        self.set_interval(LOOK_S, self.look_for_themes)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return own_slots(self.current_theme)

    def try_to(self, do: Callable[[], object]) -> bool:
        """Do something that writes to disk, and say why it did not work. Returns whether it did."""
        try:
            do()
        except OSError as error:
            self.notify(plain(f"{error.filename or ''}: {error.strerror or error}"), severity="error", markup=False)
            return False
        return True

    def look_for_themes(self) -> None:
        """Take the user's theme files as they are now."""
        before = self.available_themes.get(self.theme)
        faults = self._take_themes()
        if self.theme not in self.available_themes:
            self.theme = DEFAULT
        elif self.available_themes[self.theme] is not before:
            self._watch_theme(self.theme)  # the same name with other colours is no change to Textual
        self._tell(faults)

    def _take_themes(self) -> list[str]:
        """Register the themes that are there now; what is wrong with the user's own."""
        themes, gone, faults = self.user_themes.look()
        for name in gone:
            self.unregister_theme(name)
        own = [theme for theme in load_themes() if theme.name not in self.available_themes]
        for theme in (*own, *themes):
            self.register_theme(theme)
        return faults

    def _tell(self, faults: list[str]) -> None:
        for fault in faults:
            self.notify(plain(fault), severity="error", markup=False, timeout=15)

    # ---- choosing

    def action_change_theme(self) -> None:
        self.choose_theme()

    @work(group="dialog", exclusive=True)
    async def choose_theme(self) -> None:
        """Offer every theme, each shown while the cursor is on it."""
        before = self.theme
        others = [name for name in self.available_themes if name not in OWN]
        own = [name for name in self.user_themes.names.values() if name in others]
        names = [*own, *OWN, *sorted(name for name in others if name not in own)]
        folder = short(self.user_themes.folder)
        chosen = await self.push_screen_wait(ThemeDialog(names, before, folder))
        self.theme = before
        if chosen:
            self.wear(chosen)

    def wear(self, name: str) -> None:
        """Change the theme, for the next starts too."""
        self.theme = name
        self.keep_in_mind(Remembered(name, self.remembered.done))

    def keep_in_mind(self, remembered: Remembered) -> None:
        """Remember something for the next start."""
        if remembered != self.remembered:
            self.remembered = remembered
            self.try_to(lambda: remember(remembered))
