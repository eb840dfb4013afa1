"""Completes paths while they are typed."""

from __future__ import annotations

from textual.suggester import Suggester

from tui.resources import expanded


class PathSuggester(Suggester):
    """Suggests the first file or folder that goes on as typed."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        if not value:
            return None
        folder, _, start = value.rpartition("/")
        try:
            names = sorted(
                entry.name + ("/" if entry.is_dir() else "")
                for entry in expanded(folder + "/" if "/" in value else ".").iterdir()
                if entry.name.startswith(start) and (start or not entry.name.startswith("."))
            )
        except OSError:
            return None
        return value[: len(value) - len(start)] + names[0] if names else None
