"""The Model place: choose what to train, and see what it is and whether it fits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.getters import query_one
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from tui.catalog.local import ModelError, is_path
from tui.screens.messages import Learned, SessionEdited
from tui.screens.model_cards import ModelCards
from tui.screens.model_download import DownloadLine
from tui.screens.model_looks import (
    HubPage,
    Surroundings,
    find_models,
    look_below,
    search_hub,
)
from tui.screens.model_text import first_steps
from tui.session.schema import Session
from tui.widgets.foreign import foreign, plain
from tui.widgets.hanging import Hanging
from tui.widgets.hint import Hint
from tui.widgets.paths import PathSuggester

if TYPE_CHECKING:
    from tui.run.models import OfferedModel

SHOWN = 300
SEARCH_FROM = 3
"""Letters from which the hub is asked too."""
PAUSE_S = 0.5
MORE = "more"


class ModelScreen(ModelCards):
    """Models on the left, found as one types; what the chosen one is on the right."""

    PLACE = "model"
    CSS_PATH = "model.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "look", "Look around again", id="model.look", tooltip="List the models of this machine again"),
        Binding("f8", "download", "Download", id="model.download", tooltip="Get the chosen model from the hub, or end that"),
        Binding("f9", "app.choose_gpus", "GPUs", id="model.gpus", tooltip="Which GPUs the run may use, and who uses them"),
        Binding(
            "ctrl+k",
            "app.give_token",
            "Token",
            show=False,
            priority=True,
            id="model.token",
            tooltip="Log in to the hub with a token",
        ),
        Binding("down", "pick", "List", show=False, id="model.pick", tooltip="Go from the name to the list"),
    ]

    name_entry = query_one("#name", Input)
    progress = query_one(DownloadLine)

    def __init__(self) -> None:
        super().__init__()
        self.on_hub: tuple[OfferedModel, ...] = ()
        self.page: HubPage | None = None
        """What the hub answered last."""
        self.soon: Timer | None = None
        self.glance: Timer | None = None

    def compose_body(self) -> Iterable[Widget]:
        yield Hint("model.name", "Letters find a model (also author: licence: under:8b); Enter takes it")
        yield Input(placeholder="qwen 4b, /path/to/model or owner/model", id="name", compact=True, suggester=PathSuggester())
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Label("Models", classes="section", id="count")
                yield OptionList(id="models", markup=False)
            with VerticalScroll(id="right", can_focus=False):
                yield Label("Fine-tune a language model, here", classes="section", id="headline", markup=False)
                yield DownloadLine("", id="download", markup=False)
                yield Hanging("", id="card", markup=False)

    def on_mount(self) -> None:
        with self.prevent(Input.Changed):
            self.name_entry.value = self.session.model.name
        if self.session.model.name:
            self.look_at(self.session.model.name)
        self.call_after_refresh(self.action_look)

    def watch_session(self, before: Session, after: Session) -> None:
        if not self.is_mounted:
            return
        if before.model.name != after.model.name:
            with self.prevent(Input.Changed):
                self.name_entry.value = after.model.name
            self.look_at(after.model.name)
        elif self.described:
            self.show_card(self.described)

    # ---- the list

    def action_look(self) -> None:
        self.models.loading = True
        self.looked_up.clear()
        self.look("models", find_models, self.show_models)

    def show_models(self, around: Surroundings) -> None:
        self.models.loading = False
        self.around = around
        if not self.session.model.name and self.described is None:
            self.card.update(first_steps(around))
        self.show_list(self.name_entry.value if self.name_entry.value != self.session.model.name else "")
        if self.described:
            self.show_card(self.described)

    def show_list(self, typed: str) -> None:
        """List what has these letters: of this machine, of runs, of Unsloth, and what the hub had to say."""
        from tui.run.models import matching  # loads huggingface_hub

        known = {model.name.lower() for model in self.around.models}
        everything = [*self.around.models, *(model for model in self.on_hub if model.name.lower() not in known)]
        self.fill(matching(everything, typed)[:SHOWN])

    def fill(self, models: list[OfferedModel]) -> None:
        """Show these models, each with whether it would fit."""
        self.listed = models
        with self.prevent(OptionList.OptionHighlighted):
            self.models.clear_options()
            self.models.add_options(Option(foreign(self.line_of(model))) for model in self.listed)
            if not self.listed:
                self.models.add_option(Option("None has these letters. Enter takes what is typed.", disabled=True))
            else:
                self.models.highlighted = 0
        more = self.page and self.page.next and self.page.text == self.name_entry.value.strip()
        if more:
            self.models.add_option(Option("… more from the hub", id=MORE))
        self.query_one("#count", Label).update(f"Models ({len(self.listed)})")

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Look at the model on which the cursor rests."""
        if self.glance:
            self.glance.stop()
        if event.option_index < len(self.listed) and (model := self.listed[event.option_index]).place != "run":
            self.glance = self.set_timer(PAUSE_S, lambda: self.look_at(model.name))

    def on_input_changed(self, event: Input.Changed) -> None:
        typed = event.value.strip()
        if is_path(typed):
            self.look("below", lambda _: look_below(typed), self.show_below)
            return
        self.show_list(typed)
        if self.soon:
            self.soon.stop()
        if len(typed) >= SEARCH_FROM:
            self.soon = self.set_timer(PAUSE_S, lambda: self.look("hub", lambda _: search_hub(typed), self.show_hub))

    def show_below(self, found: list[OfferedModel]) -> None:
        """List the models in the folder that is typed, if there are any."""
        if found:
            self.fill(found)

    def show_hub(self, found: HubPage | ModelError) -> None:
        """Add what the hub has; a hub that cannot be reached is said above the list and stands in nobody's way."""
        if isinstance(found, ModelError):
            self.query_one("#count", Label).update(foreign(f"Models ({len(self.listed)}); {found}"))
            return
        at = self.models.highlighted
        earlier = self.on_hub if self.page and self.page.text == found.text else ()
        self.on_hub, self.page = (*earlier, *found.models), found
        self.show_list(self.name_entry.value.strip())
        self.models.highlighted = at if at is not None and at < len(self.listed) else None

    def action_pick(self) -> None:
        if self.listed:
            self.models.focus()

    # ---- choosing

    def on_input_submitted(self, event: Input.Submitted) -> None:
        typed = event.value.strip()
        if is_path(typed) or typed.count("/") == 1 or not self.listed:
            if typed:
                self.choose(typed)
        elif typed:
            self.take(self.listed[0])

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id == MORE and self.page:
            text, token = self.page.text, self.page.next
            self.look("hub", lambda _: search_hub(text, token), self.show_hub)
            return
        if event.option_index < len(self.listed):
            self.take(self.listed[event.option_index])

    def take(self, model: OfferedModel) -> None:
        """Choose a line of the list: a model, or the result of a run to train on."""
        if model.place == "run":
            self.post_message(SessionEdited({"model.name": model.base, "lora.continue_from": model.name}))
            self.notify(f"goes on from {plain(model.title)}; ctrl+z takes it back", markup=False)
        else:
            self.choose(model.name)

    def choose(self, name: str) -> None:
        """Make it the session's model, and find out what it is."""
        if name == self.session.model.name:
            self.look_at(name)
        self.post_message(SessionEdited({"model.name": name}))
        self.post_message(Learned("model.name"))

    # ---- getting it

    def action_download(self) -> None:
        """Get the chosen model from the hub, or end that."""
        model = self.session.model
        if self.progress.download is None and (not model.name or is_path(model.name)):
            self.notify("Choose a model on the hub first (owner/model)")
        else:
            self.progress.toggle(model)

    def on_download_line_ended(self) -> None:
        self.action_look()
