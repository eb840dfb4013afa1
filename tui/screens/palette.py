"""What the palette (ctrl+p) finds besides the actions of this place: of others, runs, sessions, themes, fields."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.run.listing import Listing
from tui.screens.bindings import named_bindings
from tui.screens.messages import ActionWanted, FieldWanted, RunPicked, SessionChosen
from tui.session.fields import form_fields
from tui.session.recent import list_recent
from tui.session.schema import Session
from tui.widgets.foreign import plain
from tui.widgets.place_bar import PLACES

EXPLAINED = 0.01
"""The score of what has the words in its explanation; names come first."""
OFFERED = 3
"""So many of each kind are offered before anything is typed."""


@dataclass(frozen=True)
class Thing:
    """One line of the palette."""

    title: str
    help: str
    do: Callable[[], object]


class Things(Provider):
    """Runs, the newest first, session files, what other places do, themes, fields."""

    async def startup(self) -> None:
        self.listed = await asyncio.to_thread(lambda: [*self.runs(), *self.sessions()])
        actions = await asyncio.to_thread(lambda: list(self.actions()))
        self.others = [*actions, *self.themes(), *self.fields()]

    async def discover(self) -> Hits:
        for thing in self.listed[: 2 * OFFERED]:
            yield DiscoveryHit(thing.title, thing.do, help=thing.help)

    async def search(self, query: str) -> Hits:
        matcher, words = self.matcher(query), query.lower().split()
        for thing in (*self.listed, *self.others):
            explained = all(word in f"{thing.title} {thing.help}".lower() for word in words)
            if score := matcher.match(thing.title) or EXPLAINED * explained:
                yield Hit(score, matcher.highlight(thing.title), thing.do, help=thing.help)

    def post(self, message: Any) -> None:
        self.app.post_message(message)

    def actions(self) -> Iterator[Thing]:
        """What can be done in the other places. Loads them."""
        titles = {place.mode: place.title for place in PLACES if place.mode != self.app.current_mode}
        for name, bindings in named_bindings(type(self.app)).items():
            mode, first = name.partition(".")[0], bindings[0]
            if mode in titles and first.tooltip:
                title = f"{first.description} ({titles[mode]})"
                yield Thing(title, first.tooltip, partial(self.post, ActionWanted(mode, name, first.action, title)))

    def runs(self) -> Iterator[Thing]:
        for row in Listing().rows():
            help_text = f"{row.status}, {row.model} on {row.data}"
            yield Thing(f"Run {plain(row.name)}", plain(help_text), partial(self.post, RunPicked(row.folder)))

    def sessions(self) -> Iterator[Thing]:
        for it in list_recent():
            yield Thing(f"Session {plain(it.path.name)}", plain(str(it.path)), partial(self.post, SessionChosen(it.path)))

    def themes(self) -> Iterator[Thing]:
        wear = getattr(self.app, "wear")  # noqa: B009  (the window's own, which is above this file)
        for name in self.app.available_themes:
            yield Thing(f"Theme {plain(name)}", "Wear this theme", partial(wear, name))

    def fields(self) -> Iterator[Thing]:
        for spec in form_fields(Session):
            if spec.key not in ("model.name", "data.source"):
                yield Thing(f"Field {spec.title}", f"{spec.key}: {spec.help}", partial(self.post, FieldWanted(spec.key)))
