"""Lets llama.cpp speak with a GGUF file, by its Python package or one of its programs, where one is here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tui.engine.export.answers import TOKENS, Answer, Reference, compared, ended, same_tokens
from tui.machine.llama_cpp import SPEAKERS, speaker
from tui.run.exports import Asked, Difference

PATIENCE_S = 600.0
HEADER = "the gguf package"
PACKAGE = "llama-cpp-python"
NOT_HERE = f"not asked anything: neither {PACKAGE} nor {' or '.join(SPEAKERS)} is here"
AS_TEXT = "its answers were compared as text: the program tells no logits"
SAME_CUT = "it cuts the prompts into the same tokens"
OTHER_CUT = "it cuts the prompt into other tokens than the model does"
Tell = Callable[[str], None]
Ask = Callable[[str, list[int], Answer], Asked]
"""Asks a prompt, given as text and as tokens, and compares with the answer of the run. Raises OSError, ValueError."""
Begin = Callable[[Path, Reference], Ask]
"""Loads a file, to be asked what the run was asked. Raises OSError, ValueError."""


def ask_llama(path: Path, told: Reference, tell: Tell) -> tuple[list[Asked], str, list[str], list[str]]:
    """The answers of llama.cpp beside those of the run, with what it was asked, what else is to be said, what is wrong."""
    begin, how, remarks = _way()
    if begin is None:
        return [], how, remarks, []
    found = []
    try:
        ask = begin(path, told)
        for at, (prompt, ids, expected) in enumerate(zip(told.prompts, told.ids, told.answers, strict=True), 1):
            tell(f"{path.name} answers prompt {at} of {len(told.ids)} in llama.cpp")
            found.append(ask(prompt, ids, expected))
    except (OSError, subprocess.SubprocessError, ValueError, RuntimeError) as error:
        return [], how, [], [f"{how} fails with it: {' '.join(str(error).split())[-200:]}"]
    return found, how, remarks, []


def _way() -> tuple[Begin | None, str, list[str]]:
    """How llama.cpp can be asked here, what that is called, and what is to be said of it."""
    package, broken = _package()
    if package is not None:
        return partial(_by_package, package), PACKAGE, [SAME_CUT]
    remarks = [broken] if broken else []
    if program := speaker():
        return partial(_by_program, program), f"llama.cpp ({program.name})", [*remarks, AS_TEXT]
    return None, HEADER, remarks or [NOT_HERE]


# ---- the package: tokens go in and come out, with logits


def _package() -> tuple[Any, str]:
    """The class of llama-cpp-python that loads a model; None, and why, where it is here and cannot be imported."""
    if importlib.util.find_spec("llama_cpp") is None:
        return None, ""
    try:
        from llama_cpp import Llama
    except (ImportError, OSError, RuntimeError) as error:  # what it needs is missing, or it was built for another box
        return None, f"{PACKAGE} was not asked: {' '.join(str(error).split())[:200]}"
    return Llama, ""


def _by_package(package: Any, path: Path, told: Reference) -> Ask:
    longest = max(map(len, told.ids)) + TOKENS
    model = package(model_path=str(path), n_ctx=longest, logits_all=True, verbose=False)

    def ask(prompt: str, ids: list[int], expected: Answer) -> Asked:
        text = _text_of(told.tokenizer, ids)
        if model.tokenize(text.encode(), add_bos=True, special=True) != ids:
            raise ValueError(OTHER_CUT)
        return compared(told.tokenizer, prompt, expected, _answer(model, ids, expected))

    return ask


def _answer(model: Any, ids: list[int], expected: Answer) -> Answer:
    """As `greedy.answer` has it: always the likeliest token, and after the end the likeliest one but the end."""
    model.reset()
    model.eval(ids)
    tokens: list[int] = []
    rows = []
    while len(tokens) < len(expected.tokens):
        rows.append(np.array(model.scores[model.n_tokens - 1]))
        allowed = rows[-1].copy()
        allowed[list(expected.ends)] = -np.inf
        tokens.append(int(allowed.argmax()))
        model.eval(tokens[-1:])
    return ended(tokens, np.stack(rows), expected.ends)


# ---- a program: text goes in and comes out


def _by_program(program: Path, path: Path, told: Reference) -> Ask:
    return partial(_ask_program, program, path, told.tokenizer)


def _ask_program(program: Path, path: Path, tokenizer: Any, prompt: str, ids: list[int], expected: Answer) -> Asked:
    speak = _simple if program.name == "llama-simple" else _complete
    text = speak(program, path, _text_of(tokenizer, ids))
    wanted = tokenizer.decode(expected.spoken, skip_special_tokens=True)
    if text.startswith(wanted.rstrip()) and wanted.rstrip():
        return Asked(prompt, wanted, text, expected.length, expected.length)
    return _parted(tokenizer, prompt, expected, wanted, text)


def _parted(tokenizer: Any, prompt: str, expected: Answer, wanted: str, text: str) -> Asked:
    """An answer that is only known as text: cut into tokens again, to find the first that the run has not."""
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    same = same_tokens(expected.spoken, tokens)
    one, other = ([*it[same : same + 1], tokenizer.eos_token_id][0] for it in (expected.spoken, tokens))
    logits = (
        (float(expected.logits[same, one]), float(expected.logits[same, other])) if same < len(expected.logits) else None
    )
    difference = Difference(same + 1, tokenizer.decode([one]), tokenizer.decode([other]), logits)
    return Asked(prompt, wanted, text, same, expected.length, difference)


def _text_of(tokenizer: Any, ids: list[int]) -> str:
    """The prompt as a text, without the token that begins every text where llama.cpp adds that itself."""
    adds = tokenizer.bos_token_id is not None and tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
    return str(tokenizer.decode(ids[1:] if adds and ids[:1] == [tokenizer.bos_token_id] else ids))


def _complete(program: Path, path: Path, text: str) -> str:
    told = ["-m", str(path), "-p", text, "-n", str(TOKENS), "--temp", "0", "--top-k", "1", "--seed", "0"]
    quiet = ["-no-cnv", "--no-display-prompt", "--no-warmup", "-c", "2048"]
    return _run([str(program), *told, *quiet]).removesuffix(" [end of text]").removesuffix("[end of text]")


def _simple(program: Path, path: Path, text: str) -> str:
    """It prints the prompt too, with its special tokens, before the answer."""
    _, found, answer = _run([str(program), "-m", str(path), "-n", str(TOKENS), text]).partition(text)
    if not found:
        raise ValueError(OTHER_CUT)
    return answer.removesuffix("\n")


def _run(words: list[str]) -> str:
    """What a program prints on stdout. Raises SubprocessError when it fails."""
    environment = os.environ | {"LLAMA_LOG_COLORS": "off"}
    done = subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False, env=environment
    )
    if done.returncode:
        raise ValueError(done.stderr.decode(errors="replace").strip()[-300:] or f"exit code {done.returncode}")
    return done.stdout.decode(errors="replace")
