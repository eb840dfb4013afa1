"""``unsloth-tui``, ``python -m tui``: the window, or with words the command line."""

from __future__ import annotations

import os
import sys

from tui.opening import open_window
from tui.resources import secure_home
from tui.terminal import has_terminal


def main() -> None:
    """Do what was asked for, and end with a code and a sentence whatever happens."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to look for some it reads of every installed package
    if hindrance := secure_home():
        _say(hindrance)
        sys.exit(1)
    try:
        try:
            _obey(sys.argv[1:])
        finally:
            if sys.stdout:  # there is none when its file is closed
                sys.stdout.flush()  # here, where a reader that went away can still be noticed
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: say nothing at exit either
        sys.exit(1)
    except OSError as error:  # a full disk, a folder that may not be written to
        _say(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
        sys.exit(1)


def _obey(words: list[str]) -> None:
    if not words and has_terminal():
        sys.exit(open_window())
    from tui.cli import obey  # whose library takes longer to load than the window may wait

    obey(words)


def _say(sentence: str) -> None:
    from tui.cli_parts import say

    say(sentence)


if __name__ == "__main__":
    main()
