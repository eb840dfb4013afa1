"""Code, packages and programs that a session names: whether they are here, and whether they may be run."""

from __future__ import annotations

import importlib.util
import shutil
import symtable
from collections.abc import Iterator

from tui.machine import llama_cpp
from tui.machine.gpu import read_gpus
from tui.resources import expanded
from tui.session.problem import Problem
from tui.session.schema import Session


def missing(session: Session) -> Iterator[Problem]:
    """What a session needs besides model and data, and is not here."""
    training = session.training
    if training.custom_loss:
        yield from _custom_loss(training.custom_loss)
    if training.report_to != "none" and importlib.util.find_spec(training.report_to) is None:
        text = f"the package {training.report_to} is not installed here; install it beside unsloth-tui"
        yield Problem("training.report_to", text, mend={"training.report_to": "none"})
    if session.run.notify and shutil.which(session.run.notify[0]) is None:
        yield Problem("run.notify", f"there is no program {session.run.notify[0]}", mend={"run.notify": ()})
    if session.model.attn_implementation == "flash_attention_2" and importlib.util.find_spec("flash_attn") is None:
        text = "the package flash_attn is not installed here"
        yield Problem("model.attn_implementation", text, mend={"model.attn_implementation": "auto"})
    if "gguf" in session.export.kinds and llama_cpp.llama_cpp_folder() is None and not llama_cpp.may_be_fetched():
        kinds = tuple(kind for kind in session.export.kinds if kind != "gguf")
        yield Problem("export.kinds", f"llama.cpp is not here; {llama_cpp.ADVICE}", mend={"export.kinds": kinds})
    yield from _device(session.model.device)


def _custom_loss(named: str) -> Iterator[Problem]:
    name, _, function = named.rpartition(":")
    try:
        table = symtable.symtable(expanded(name).read_text(encoding="utf-8-sig"), name, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield Problem("training.custom_loss", f"{name} is not Python: {str(error) or 'nested too deeply'}")
        return
    except OSError as error:
        yield Problem("training.custom_loss", f"{name} cannot be read: {error.strerror or error}")
        return
    bound = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    if function not in bound:
        names = [child.get_name() for child in table.get_children() if child.get_type() == "function"]
        yield Problem("training.custom_loss", f"{name} has no function {function}; it has {', '.join(names) or 'none'}")


def _device(device: str) -> Iterator[Problem]:
    if device in ("auto", "cpu"):
        return
    count = len(read_gpus())
    absent = [number for number in device.split(",") if number.isdecimal() and (len(number) > 6 or int(number) >= count)]
    if absent:
        known = f"this box has {count}, counted from 0" if count else "this box has none"
        yield Problem("model.device", f"there is no GPU {', '.join(absent)}: {known}", mend={"model.device": "auto"})
