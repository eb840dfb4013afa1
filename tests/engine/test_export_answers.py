"""Where an export says something else than the run, the user is told what and how sure both were."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from tui.engine.export import llama
from tui.engine.export.answers import Answer, Reference, compared, ended
from tui.export_console import differences
from tui.run.exports import Asked, Proof, Record

WORDS = ["the", " lines", " of", " a", " file", "<end>", " folder"]
END = 5


class Tokenizer:
    """Cuts text into a few known words."""

    eos_token_id = END
    bos_token_id = None

    def decode(self, ids: list[int], skip_special_tokens: bool = False) -> str:
        return "".join(WORDS[it] for it in ids if it != END or not skip_special_tokens)

    def __call__(self, text: str, add_special_tokens: bool = True) -> dict[str, list[int]]:
        found = []
        while text:
            found.append(next(at for at, word in enumerate(WORDS) if text.startswith(word)))
            text = text.removeprefix(WORDS[found[-1]])
        return {"input_ids": found}


def answer(*tokens: int, **sure: float) -> Answer:
    """An answer of which each token is likeliest by 2; the last one by another number."""
    logits = np.zeros((len(tokens), len(WORDS)), dtype=np.float32)
    logits[range(len(tokens)), tokens] = 2.0
    logits[-1, tokens[-1]] = sure.get("last", 2.0)
    return ended(list(tokens), logits, frozenset({END}))


RUN = answer(0, 1, 2, 3, 4, END)


def said(asked: Asked) -> str:
    record = Record("gguf", "gguf", "one", 1.0, 1.0, "org/base", proofs=(Proof("x.gguf", "llama.cpp", (asked,)),))
    return "; ".join(differences(record))


def test_where_an_export_says_something_else_both_logits_are_told() -> None:
    told = said(compared(Tokenizer(), "?", RUN, answer(0, 1, 2, 3, 6, last=3.0)))
    assert "differs at token 5 (4 the same): ' file' became ' folder'" in told
    assert told.endswith("logits 2.000 and 0.000 in the run, 0.000 and 3.000 in the export")


@pytest.mark.parametrize(
    ("printed", "same", "expected"),
    [
        ("the lines of a file", 5, ""),
        ("the lines of a folder", 4, "' file' became ' folder'; logits 2.000 and 0.000 in the run"),
        ("the lines of", 3, "' a' became '<end>'; logits 2.000 and 0.000 in the run"),
    ],
)
def test_of_a_program_that_prints_text_alone_the_logits_of_the_run_are_told(
    monkeypatch: pytest.MonkeyPatch, printed: str, same: int, expected: str
) -> None:
    def run(words: list[str]) -> str:
        return words[-1] + printed + "\n"

    monkeypatch.setattr(llama, "_run", run)
    found = llama._ask_program(Path("llama-simple"), Path("x.gguf"), Tokenizer(), "?", [0, 1], RUN)
    assert (found.same, found.of) == (same, 5)
    assert said(found).endswith(expected) and bool(said(found)) == bool(expected)


@pytest.mark.parametrize(
    ("package", "why"),
    [
        ("import diskcash", "No module named 'diskcash'"),
        ("raise RuntimeError('libllama.so is no file')", "libllama.so is no file"),
    ],
)
@pytest.mark.parametrize("program", [True, False])
def test_an_export_does_not_fail_for_want_of_a_llama_cpp_python_that_can_be_imported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, why: str, program: bool
) -> None:
    """It is proven by the program or by its header, and its user is told what kept the package from it."""
    (tmp_path / "llama_cpp.py").write_text(package)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "llama_cpp", raising=False)
    monkeypatch.setenv("UNSLOTH_LLAMA_CPP_PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    if program:
        place = tmp_path / "llama-completion"
        place.write_text("#!/bin/sh\nprintf 'the lines of a file [end of text]'\n")
        place.chmod(0o700)
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/usr/bin", "/bin"]))
    told = Reference(Tokenizer(), ["?"], [[0, 1]], [RUN])
    found, how, remarks, failures = llama.ask_llama(tmp_path / "x.gguf", told, lambda _: None)
    assert remarks[0] == f"llama-cpp-python was not asked: {why}" and not failures
    assert how == ("llama.cpp (llama-completion)" if program else llama.HEADER)
    assert [(it.same, it.of) for it in found] == [(5, 5)] * program
