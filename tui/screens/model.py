"""The Model place: choose what to train, and see what it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.getters import query_one
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from tui import words
from tui.catalog.local import ModelCard, ModelError, is_path, read_model
from tui.screens.base import Outdated, PlaceScreen
from tui.screens.messages import SessionEdited
from tui.session.schema import Session
from tui.widgets.foreign import foreign, plain
from tui.widgets.paths import PathSuggester

if TYPE_CHECKING:
    from tui.catalog.known import KnownModel

FIRST_STEPS = """1  Choose a model here.
2  F3 Data: choose what it learns from.
3  F4 Tune: change what you like, or nothing.
4  ctrl+t starts the run; F5 Live shows it.
5  F6 Chat: hear base and tuned model.

The run goes on when this window is closed.
F1 lists every key of a place."""


class ModelScreen(PlaceScreen):
    """Models of this machine on the left, what the chosen one is on the right."""

    PLACE = "model"
    CSS_PATH = "model.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+l", "look", "Look around again", id="model.look", tooltip="List the models of this machine again"),
    ]

    session: var[Session] = var(Session)

    name_entry = query_one("#name", Input)
    models = query_one("#models", OptionList)
    card = query_one("#card", Static)
    headline = query_one("#headline", Label)

    def compose_body(self) -> Iterable[Widget]:
        yield Label("A folder on this machine, or a hub name like unsloth/Qwen3-4B; Enter takes it", classes="hint")
        yield Input(placeholder="/path/to/model or owner/model", id="name", compact=True, suggester=PathSuggester())
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Label("On this machine", classes="section")
                yield OptionList(id="models", markup=False)
            with Vertical(id="right"):
                yield Label("No model is chosen yet", classes="section", id="headline", markup=False)
                yield Static(FIRST_STEPS, id="card", markup=False)

    def on_mount(self) -> None:
        self.name_entry.value = self.session.model.name
        if self.session.model.name:
            self.look_at(self.session.model.name)
        self.call_after_refresh(self.action_look)

    def watch_session(self, before: Session, after: Session) -> None:
        if self.is_mounted and before.model.name != after.model.name:
            self.name_entry.value = after.model.name
            self.look_at(after.model.name)

    def action_look(self) -> None:
        self.models.loading = True
        self.look("models", find_models, self.show_models)

    def show_models(self, found: list[KnownModel]) -> None:
        self.models.loading = False
        self.models.clear_options()
        options = [
            Option(foreign(f"{model.title}\n  {words.size(model.size_bytes)}, {model.place}"), id=model.name)
            for model in found
        ]
        nothing = Option("None yet. Type a folder or a hub name above,\nor run: unsloth-tui demo", disabled=True)
        self.models.add_options(options or [nothing])
        if options:
            self.models.highlighted = 0
            if not self.session.model.name and self.focused is self.name_entry and not self.name_entry.value:
                self.models.focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if name := event.value.strip():
            self.choose(name)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        if event.option_id:
            self.choose(event.option_id)

    def choose(self, name: str) -> None:
        """Make it the session's model, and find out what it is."""
        if name == self.session.model.name:
            self.look_at(name)
        self.post_message(SessionEdited({"model.name": name}))

    def look_at(self, name: str) -> None:
        """Read about a model in the background."""
        self.card.set_class(False, "-wrong")
        if not name:
            self.headline.update("No model is chosen yet")
            self.card.update(FIRST_STEPS)
            return
        self.headline.update(f"Chosen: {plain(name.rstrip('/').rpartition('/')[2])}")
        self.card.update("reading …")
        revision = self.session.model.revision
        self.look("card", lambda _outdated: describe_model(name, revision), self.show_card)

    def show_card(self, card: ModelCard | ModelError) -> None:
        if isinstance(card, ModelError):
            self.headline.update("This cannot be trained")
            self.card.set_class(True, "-wrong")
            self.card.update(foreign(f"{card}\n\nType a folder, or take one of the models on the left."))
        else:
            self.card.update(foreign(card_text(card)))


def find_models(outdated: Outdated) -> list[KnownModel]:
    """The models of this machine."""
    from tui.catalog.known import known_models  # loads huggingface_hub, which the first picture need not wait for

    return known_models()


def describe_model(name: str, revision: str | None) -> ModelCard | ModelError:
    """What a folder or a hub name is, or why that cannot be said."""
    from tui.catalog.hub import read_hub_model  # see find_models

    try:
        return read_model(name) if is_path(name) else read_hub_model(name, revision)
    except ModelError as error:
        return error


def card_text(card: ModelCard) -> str:
    """Everything known of a model, a line each."""
    if card.adapter_of:
        return (
            f"This is a LoRA adapter of {card.adapter_of}.\nTo train, choose that base model; to talk to it, go to Chat."
            f"\n\nparameters    {words.count(card.parameters)}\non disk       {words.size(card.size_bytes)}"
        )
    template = "its own" if card.has_chat_template else "none: set data.chat_template, chatml suits a base model"
    rows = [
        ("architecture", card.architecture),
        ("parameters", words.count(card.parameters)),
        ("weights", words.size(card.size_bytes)),
        ("layers", card.layers),
        ("hidden size", card.hidden_size),
        ("vocabulary", card.vocabulary),
        ("context", None if card.context_length is None else f"{card.context_length} tokens"),
        ("chat template", template),
    ]
    return "\n".join(f"{name:14}{'–' if value is None else value}" for name, value in rows)
