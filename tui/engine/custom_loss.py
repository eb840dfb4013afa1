"""A loss of the user's own: one function of one Python file."""

from __future__ import annotations

import importlib.util
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tui.resources import expanded
from tui.session.file import SessionError
from tui.session.problem import Problem

KEY = "training.custom_loss"


def load_custom_loss(named: str) -> Callable[..., Any]:
    """The function that ``file.py:function`` names, by running the file. Raises SessionError saying why it cannot be had.

    It is called with the model's outputs, the labels, and ``num_items_in_batch``: how many tokens of this update count, on
    all its batches together; None while evaluating.
    """
    name, _, function = named.rpartition(":")
    path = expanded(name)
    if not path.is_file():
        raise _refused(f"there is no file {path}")
    found = getattr(_run(path), function, None)
    if found is None:
        raise _refused(f"{path} has no {function}")
    if not callable(found):
        raise _refused(f"{function} in {path} is a {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]


def _run(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"custom_loss_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise _refused(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        traceback.print_exception(error)
        raise _refused(f"{path} cannot be run: {type(error).__name__}: {' '.join(str(error).split())}") from error
    return module


def _refused(text: str) -> SessionError:
    return SessionError([Problem(KEY, text)])
