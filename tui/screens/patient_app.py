"""An app that hears keys one after the other, however quickly they come and however slow the box is."""

from __future__ import annotations

import time

from textual import events
from textual.app import App
from textual.message import Message

PATIENCE_S = 2.0
"""So long a key is waited for whose way nobody can tell the end of."""


class PatientApp(App[None]):
    """Lets a key go to whom the keys before it have led.

    Textual hands every key at once to what has the focus, and looks for its binding when it has come up from there: what
    follows in the same moment would overtake it, or be lost in a screen that is being laid out.
    """

    class KeyHeard(Message):
        """Comes up behind a key: its binding has done what it does."""

    def __init__(self) -> None:
        super().__init__()
        self.typed_ahead: list[events.Key] = []
        """Keys that nobody has heard yet, in their order."""
        self._unheard_until = 0.0
        """Until when (time.monotonic) the last key is waited for."""

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            with_alt = event.key.startswith("alt+")  # most terminals tell the letter too, which is not to be typed
            self.typed_ahead.append(events.Key(event.key, None) if with_alt else event)
            await self.press_typed_ahead()
            if self.typed_ahead:
                self.set_timer(PATIENCE_S, self.press_typed_ahead)
        else:
            await super().on_event(event)

    async def on_patient_app_key_heard(self) -> None:
        self._unheard_until = 0.0
        await self.press_typed_ahead()

    async def press_typed_ahead(self) -> None:
        """Let the next key be heard once the one before was, and the screen is laid out: without a focus it loses keys."""
        while self.typed_ahead and self.screen_stack and time.monotonic() >= self._unheard_until:
            if not self.screen.is_mounted:
                self.screen.call_later(self.call_later, self.press_typed_ahead)
                return
            hearer, key = self.focused or self.screen, self.typed_ahead.pop(0)
            await super().on_event(key)
            if key.is_forwarded and hearer.post_message(self.KeyHeard()):
                self._unheard_until = time.monotonic() + PATIENCE_S
