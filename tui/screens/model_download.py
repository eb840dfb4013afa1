"""One download of a model on the Model place: started, followed, ended by a key."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message
from textual.widgets import Static

from tui.catalog.download_process import Download
from tui.screens.model_text import download_text
from tui.session.sections.model import ModelSection
from tui.widgets.foreign import foreign

LOOK_S = 0.5


class DownloadLine(Static):
    """How far the download is; not to be seen before there is one."""

    @dataclass
    class Ended(Message):
        """It has come to its end, good or bad."""

    download: Download | None = None

    def on_mount(self) -> None:
        self.display = False
        self.set_interval(LOOK_S, self.show)

    def toggle(self, model: ModelSection) -> None:
        """Get that model from the hub, or end the download that goes on."""
        if self.download and not self.download.poll().is_over:
            self.download.cancel()
            return
        self.download = Download()
        self.download.start(model.name, model.revision, with_code=model.trust_remote_code)

    def show(self) -> None:
        """Draw how far it is."""
        if self.download is None:
            return
        state = self.download.poll()
        self.display = True
        self.update(foreign(download_text(state)))
        if state.is_over:
            self.download = None
            self.post_message(self.Ended())
