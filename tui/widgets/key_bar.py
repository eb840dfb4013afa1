"""The keys at the bottom, drawn anew when they have changed rather than whenever the focus moves."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class KeyBar(Footer):
    """Textual's footer makes a widget of each key at every move of the focus: most of what a key press would cost."""

    _shown: list[tuple[object, ...]] | None = None

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    def compose(self) -> ComposeResult:
        self._shown = self._keys() if self._bindings_ready else None
        for part in super().compose():
            if isinstance(part, FooterKey):  # else each is styled as a compact one first, and then as this one
                part.set_reactive(FooterKey.compact, self.compact)
            yield part

    async def recompose(self) -> None:
        if self.is_attached and self._shown != self._keys():
            await super().recompose()

    def _keys(self) -> list[tuple[object, ...]]:
        return [
            (binding, self.app.get_key_display(binding), enabled, tooltip)
            for _, binding, enabled, tooltip in self.screen.active_bindings.values()
            if binding.show
        ]
