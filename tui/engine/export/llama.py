"""Lets llama.cpp speak with a GGUF file, by its Python package or one of its programs, where one is here."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.engine.export.greedy import TOKENS, same_tokens
from tui.machine.llama_cpp import SPEAKERS, speaker
from tui.run.exports import Asked, Difference

if TYPE_CHECKING:
    from tui.engine.export.prove import Reference

PATIENCE_S = 600.0
HEADER = "the gguf package"
NOT_HERE = f"not asked anything: neither llama-cpp-python nor {' or '.join(SPEAKERS)} is here"
Tell = Callable[[str], None]
Say = Callable[[str], str]


def ask_llama(path: Path, told: Reference, tell: Tell) -> tuple[list[Asked], str, list[str], list[str]]:
    """The answers of llama.cpp beside those of the run, with what it was asked, what else is to be said, what is wrong."""
    say, how = _speaking(path)
    if say is None:
        return [], HEADER, [NOT_HERE], []
    found = []
    for at, (prompt, ids, expected) in enumerate(zip(told.prompts, told.ids, told.answers, strict=True), 1):
        tell(f"{path.name} answers prompt {at} of {len(told.ids)} in llama.cpp")
        try:
            text = say(_text_of(told.tokenizer, ids))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            return [], how, [], [f"{how} fails with it: {' '.join(str(error).split())[-200:]}"]
        found.append(_compared(told.tokenizer, prompt, expected.spoken, text))
    return found, how, [], []


def _compared(tokenizer: Any, prompt: str, expected: list[int], text: str) -> Asked:
    """An answer that is only known as text: cut into tokens again, which need not give the same cut at its end."""
    wanted = tokenizer.decode(expected, skip_special_tokens=True)
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    kept = [token for token in expected if token not in tokenizer.all_special_ids]
    if text.startswith(wanted.rstrip()) and len(wanted.rstrip()):
        return Asked(prompt, wanted, text, len(expected), len(expected))
    same = same_tokens(kept, tokens)
    decoded = [tokenizer.decode(it[same : same + 1]) for it in (kept, tokens)]
    return Asked(prompt, wanted, text, same, len(expected), Difference(same + 1, decoded[0], decoded[1]))


def _text_of(tokenizer: Any, ids: list[int]) -> str:
    """The prompt as a text, without the token that begins every text where llama.cpp adds that itself."""
    adds = tokenizer.bos_token_id is not None and tokenizer("x")["input_ids"][:1] == [tokenizer.bos_token_id]
    return str(tokenizer.decode(ids[1:] if adds and ids[:1] == [tokenizer.bos_token_id] else ids))


def _speaking(path: Path) -> tuple[Say | None, str]:
    """What goes on with a text, and its name; None where nothing can."""
    if importlib.util.find_spec("llama_cpp") is not None:
        from llama_cpp import Llama

        model = Llama(model_path=str(path), n_ctx=2048, verbose=False, seed=0)

        def in_process(text: str) -> str:
            made = model(text, max_tokens=TOKENS, temperature=0.0, top_k=1)
            return str(made["choices"][0]["text"])

        return in_process, "llama-cpp-python"
    program = speaker()
    if program is None:
        return None, ""
    if program.name == "llama-simple":
        return lambda text: _simple(program, path, text), f"llama.cpp ({program.name})"
    return lambda text: _complete(program, path, text), f"llama.cpp ({program.name})"


def _complete(program: Path, path: Path, text: str) -> str:
    told = ["-m", str(path), "-p", text, "-n", str(TOKENS), "--temp", "0", "--top-k", "1", "--seed", "0"]
    quiet = ["-no-cnv", "--no-display-prompt", "--no-warmup", "-c", "2048"]
    return _run([str(program), *told, *quiet]).removesuffix(" [end of text]").removesuffix("[end of text]")


def _simple(program: Path, path: Path, text: str) -> str:
    """It prints the prompt too, with its special tokens, before the answer."""
    _, found, answer = _run([str(program), "-m", str(path), "-n", str(TOKENS), text]).partition(text)
    if not found:
        raise ValueError(f"{program.name} cuts the prompt into other tokens than the model does")
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
