"""What is known of the models of the Model place: the card of one, and its line in the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.getters import query_one
from textual.reactive import var
from textual.widgets import Label, OptionList

from tui.catalog.local import ModelError
from tui.run.forecast import Ground
from tui.screens.base import PlaceScreen
from tui.screens.model_looks import Described, Surroundings, describe_model
from tui.screens.model_text import card_text, first_steps, line
from tui.screens.tune_text import mend_words
from tui.session.schema import Session
from tui.widgets.foreign import foreign, plain
from tui.widgets.hanging import Hanging

if TYPE_CHECKING:
    from tui.run.models import OfferedModel


class ModelCards(PlaceScreen):
    """Reads about models in the background, and remembers what was found out."""

    session: var[Session] = var(Session)

    models = query_one("#models", OptionList)
    card = query_one("#card", Hanging)
    headline = query_one("#headline", Label)

    def __init__(self) -> None:
        super().__init__()
        self.around = Surroundings()
        self.listed: list[OfferedModel] = []
        """The models of the list."""
        self.described: Described | None = None
        self.looked_up: dict[str, Described] = {}
        """Every model that was looked at, by name."""

    def line_of(self, model: OfferedModel) -> str:
        """A model's lines of the list: with a guess of its shape until it was looked at."""
        from tui.run.models import rough_verdict  # loads huggingface_hub

        known = self.looked_up.get(model.name)
        ground = Ground(known.card.shape if known else None, gpu=self.around.gpu)
        ahead = ground.forecast(self.session)
        return line(model, ahead.verdict if ahead else rough_verdict(model, self.session, ground), known)

    def look_at(self, name: str) -> None:
        """Read about a model in the background, whether it is chosen or only under the cursor."""
        self.card.set_class(False, "-wrong")
        self.described = None
        if not name:
            self.headline.update("Fine-tune a language model, here")
            self.card.update(first_steps(self.around))
            return
        short = plain(name.rstrip("/").rpartition("/")[2])
        self.headline.update(f"Chosen: {short}" if name == self.session.model.name else f"{short}: Enter takes it")
        revision = self.session.model.revision if name == self.session.model.name else None
        known = self.looked_up.get(name)
        if known and known.details and revision is None:  # a folder may have changed since, and is quick to read
            self.show_card(known)
            return
        self.card.update("reading …")
        self.look("card", lambda _outdated: describe_model(name, revision), lambda found: self.show_found(name, found))

    def show_found(self, name: str, found: Described | ModelError) -> None:
        if isinstance(found, Described):
            self.show_card(found)
            return
        chosen = name == self.session.model.name
        self.card.set_class(chosen, "-wrong")
        advice = "Type a folder, or take one of the models on the left." if chosen else ""
        self.card.update("\n".join([f"{found}\n\n{advice}".rstrip(), *self.other_names(name)]))

    def other_names(self, name: str) -> list[str]:
        """The other number formats and owners under which Unsloth knows a model."""
        offered = next((model for model in self.around.models if model.name == name), None)
        return ["", "other names", *(f"  {other}" for other in offered.variants)] if offered and offered.variants else []

    def show_card(self, found: Described) -> None:
        self.described = found
        self.remember(found)
        ground = Ground(found.card.shape, gpu=self.around.gpu)
        rows = f"as Tune is set, with rows of {self.session.model.max_seq_length} tokens"
        mend = next((mend_words(problem.mend) for problem in ground.problems(self.session)), "")
        told = card_text(found.card, found.details, ground.forecast(self.session), rows, mend)
        self.card.update("\n".join([told, *self.other_names(found.card.name)]))

    def remember(self, found: Described) -> None:
        """Keep what was found out, and tell it in the model's line of the list too."""
        if found.details is None or not found.details.cached_because:
            self.looked_up[found.card.name] = found
        for at, model in enumerate(self.listed):
            if model.name == found.card.name:
                self.models.replace_option_prompt_at_index(at, foreign(self.line_of(model)))
