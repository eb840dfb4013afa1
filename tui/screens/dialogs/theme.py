"""Which theme the window wears: the one under the cursor is put on at once."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from tui.screens.dialogs.base import Dialog
from tui.widgets.foreign import foreign


class ThemeDialog(Dialog[str | None]):
    """Answers with the name of a theme, or None when the former one is to stay."""

    HELP = (
        "Each theme is shown while the cursor is on it. A file of your own in the folder below is loaded while the "
        "window runs."
    )
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "As before", show=False)]

    def __init__(self, names: list[str], worn: str, folder: str) -> None:
        super().__init__()
        self.names, self.worn, self.folder = names, worn, folder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Theme", classes="section")
            yield OptionList(*(Option(self.told(name)) for name in self.names), markup=False)
            yield Label(
                foreign(f"Enter keeps it, Escape leaves all as before. Your own: {self.folder}/*.toml"), classes="hint"
            )

    def told(self, name: str) -> str:
        """A theme in a line: its name, and for which eyes it is."""
        theme = self.app.get_theme(name)
        return f"{name:20} {'dark' if theme is None or theme.dark else 'light'}"

    def on_mount(self) -> None:
        themes = self.query_one(OptionList)
        themes.highlighted = self.names.index(self.worn) if self.worn in self.names else 0
        themes.focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        self.app.theme = self.names[event.option_index]

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self.names[event.option_index])
