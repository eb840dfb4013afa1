"""The table of keys in README.md and the page docs/keys.md, made from the bindings by ``python -m tui.key_table``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from textual.binding import Binding

from tui.app import UnslothTui
from tui.keys import PLACES, place_of
from tui.screens.bindings import named_bindings
from tui.widgets.help import key_words

ROOT = Path(__file__).parents[1]
README, PAGE = ROOT / "README.md", ROOT / "docs" / "keys.md"
BEGIN, END = "<!-- keys: made by python -m tui.key_table -->", "<!-- end of keys -->"
INTRO = """\
# Keys

<!-- Made from the program by `python -m tui.key_table`; change the bindings instead. -->

F1 lists the keys that work where you are. Without function keys: alt+2 is F2 (alt+0 is F10), `g` and a letter goes
to a place, ctrl+p finds every action by its name. `j` and `k` move down and up where they do nothing else.

Your own keys stand in `~/.config/unsloth-tui/keys.toml`, a line each, by the names below; several keys with commas:

```toml
"live.stop" = "ctrl+e"
"go.runs" = "f7,ctrl+r"
```

A name that does not exist is told when the window starts. Keys of the text field that has the focus come first.
"""


def table() -> str:
    """The short table: a row for each place, every key in a few words."""
    rows = [f"| {place} | {' · '.join(_short(bindings))} |" for place, bindings in _by_place()]
    return "\n".join(["| Where | Keys |", "| --- | --- |", *rows])


def page() -> str:
    """All of docs/keys.md."""
    lines = [INTRO]
    for place, bindings in _by_place():
        lines += [f"## {place}", "", "| Key | Does | Name |", "| --- | --- | --- |"]
        lines += [f"| `{_keys(binding)}` | {_escaped(binding.tooltip)} | `{name}` |" for name, binding in bindings]
        lines.append("")
    return "\n".join(lines)


def with_table(readme: str) -> str:
    """The readme with the table between its two marks as it is now."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


def _by_place() -> Iterator[tuple[str, list[tuple[str, Binding]]]]:
    """Each place with its keys; a binding that is declared for several keys counts once, with all of them."""
    named = {
        name: replace(found[0], key=",".join(dict.fromkeys(it.key for it in found if it.action == found[0].action)))
        for name, found in named_bindings(UnslothTui).items()
    }
    for place in dict.fromkeys(PLACES.values()):
        yield place, [(name, binding) for name, binding in named.items() if place_of(name) == place]


def _short(bindings: list[tuple[str, Binding]]) -> list[str]:
    return [f"`{_keys(binding)}` {_escaped(binding.description)}" for _, binding in bindings]


def _keys(binding: Binding) -> str:
    return _escaped(key_words(binding.key.split(",")))


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
