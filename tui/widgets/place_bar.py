"""The bar of places at the top: which one you are in, and a click to any other."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Static

from tui.widgets.foreign import foreign


@dataclass(frozen=True)
class Place:
    """One of the top-level screens."""

    mode: str
    key: str
    title: str
    help: str


PLACES = (
    Place("model", "f2", "Model", "Choose the model to train"),
    Place("data", "f3", "Data", "Choose the dataset and see how it is read"),
    Place("tune", "f4", "Tune", "Set how the model is trained, and start"),
    Place("live", "f5", "Live", "Watch the run"),
    Place("chat", "f6", "Chat", "Talk to the result beside the base model"),
    Place("runs", "f7", "Runs", "Every run so far"),
)


class PlaceTab(Static):
    """One place on the bar."""

    @dataclass
    class Chosen(Message):
        """A place was clicked."""

        mode: str

    def __init__(self, place: Place, active: bool) -> None:
        super().__init__(f"{place.key.upper()} {place.title}", classes="-active" if active else "", markup=False)
        self.place = place
        self.tooltip = place.help

    def on_click(self) -> None:
        self.post_message(self.Chosen(self.place.mode))


class PlaceBar(Horizontal):
    """All places, with the present one marked."""

    def __init__(self, active: str) -> None:
        super().__init__()
        self.active = active

    def compose(self) -> ComposeResult:
        for place in PLACES:
            yield PlaceTab(place, place.mode == self.active)
        yield Static("", id="session-label", markup=False)
        yield Static("", id="standing", markup=False)

    def on_mount(self) -> None:
        self.watch(self.app, "session_label", self.label)
        self.watch(self.app, "standing", self.stand)

    def stand(self, text: str) -> None:
        """Say what is lacking before the session can be trained, or how far the run is."""
        standing = self.query_one("#standing", Static)
        standing.update(text, layout=cell_len(text) != cell_len(str(standing.content)))
        standing.set_class(text.startswith(("needs", "F4")), "-lacking")
        standing.tooltip = "ctrl+t starts the run" if text.startswith("✓") else "before the run can start (Tune says more)"

    def label(self, text: str) -> None:
        """Name the session that is being made, and say whether it is saved."""
        self.query_one("#session-label", Static).update(foreign(text))
