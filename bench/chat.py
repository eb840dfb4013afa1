"""Our chat against the bare Unsloth recipe, on one loaded model in one process, with the same prompts, greedily.

    uv run python bench/chat.py MODEL_FOLDER [--tokens 128] [--turns 10] [--load-in-16bit] [--device cpu]
    uv run python bench/chat.py MODEL_FOLDER --contexts 1000,4000,8000     # only what keeping is worth at these lengths

The bare recipe is ``for_inference``, ``generate`` and a ``TextIteratorStreamer`` in a thread; its CUDA graphs are off, as
they are unless somebody sets a variable. Ours is what an engine does for a chat, events written to a file included.
Measured are the first text on the screen, tokens a second, a conversation of many turns with what was read kept and not
kept, and base and tuned model side by side. The bar: tokens a second at least 1.0 of the recipe on a CPU, 4 on an H200.

With ``--contexts`` the second of two turns is measured, whose prompt has so many tokens, with the first turn kept, however
short it is, and not kept. ``LEAST`` in tui/engine/remembering.py belongs where the whole answer comes sooner with it kept.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report import Row, report

GRAPHS = "UNSLOTH_DECODE_CUDA_GRAPHS"
PROMPT = "Write a long story about a lighthouse keeper who finds a letter in a bottle."
TURN = "Tell me more about it. Who else lives there, what do they do all day, and what are they afraid of? Part {}."
CONTEXT = 8192
OVERHEAD = 64
"""Tokens of two turns beside the long one and the answer."""
ROUNDS = 3


@dataclass
class Told:
    """How one answer went."""

    first_s: float
    """Until the first text was there."""
    seconds: float
    tokens: int
    text: str = ""
    kept: int = 0
    read: int = 0
    """Tokens of the prompt."""

    @property
    def tokens_per_s(self) -> float:
        return (self.tokens - 1) / max(1e-9, self.seconds - self.first_s)


@dataclass
class Bench:
    """A model with an adapter in memory, and both ways of talking to it."""

    loaded: Any
    emit: Callable[[Any], None]
    graphs: bool = True

    def bare(self, messages: Sequence[dict[str, str]], tokens: int) -> Told:
        """The recipe of the notebooks."""
        from transformers import TextIteratorStreamer
        from unsloth import FastLanguageModel

        model, tokenizer = self.loaded.model, self.loaded.tokenizer
        os.environ[GRAPHS] = "0"
        FastLanguageModel.for_inference(model)
        began = time.monotonic()
        ids = tokenizer.apply_chat_template(
            list(messages), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )["input_ids"].to(model.device)
        streamer = TextIteratorStreamer(tokenizer, skip_prompt=True, skip_special_tokens=True)
        made: list[Any] = []
        chosen = {"input_ids": ids, "max_new_tokens": tokens, "do_sample": False, "streamer": streamer}
        thread = threading.Thread(target=lambda: made.append(model.generate(**chosen)))
        thread.start()
        first, pieces = 0.0, []
        for piece in streamer:
            first = first or (time.monotonic() if piece else 0.0)
            pieces.append(piece)
        ended = time.monotonic()
        thread.join()
        return Told((first or ended) - began, ended - began, made[0].shape[1] - ids.shape[1], "".join(pieces))

    def ours(
        self, messages: Sequence[dict[str, str]], tokens: int, memory: Any = None, voices: Sequence[str] = ("tuned",)
    ) -> Told:
        """What an engine does."""
        from tui.engine.chatting import answer
        from tui.run import commands

        os.environ[GRAPHS] = "1" if self.graphs else "0"
        history = tuple(commands.Message(**turn) for turn in messages)
        speakers = tuple(commands.Speaker(voice, history) for voice in voices)
        chat = commands.Chat(id="bench", speakers=speakers, sampling=commands.Sampling(temperature=0, max_new_tokens=tokens))
        told: list[tuple[float, Any]] = []

        def emit(event: Any) -> None:
            self.emit(event)
            told.append((time.monotonic(), event))

        began = time.monotonic()
        answer(self.loaded, chat, emit, lambda: False, memory)
        ended = time.monotonic()
        errors = [event.error for _, event in told if event.error]
        assert not errors, errors
        first = next(at for at, event in told if event.text)
        made = sum(event.tokens for _, event in told if event.done)
        text = "".join(event.text for _, event in told)
        return Told(first - began, ended - began, made, text, told[-1][1].kept_tokens, told[-1][1].prompt_tokens)


def converse(turns: int, ways: dict[str, Callable[[list[dict[str, str]]], Told]]) -> dict[str, list[Told]]:
    """The answers of a conversation in each way, turn by turn, so that a box with other work is as slow for each."""
    histories: dict[str, list[dict[str, str]]] = {name: [] for name in ways}
    found: dict[str, list[Told]] = {name: [] for name in ways}
    for number in range(turns):
        for name, say in ways.items():
            histories[name].append({"role": "user", "content": TURN.format(number)})
            found[name].append(say(histories[name]))
            histories[name].append({"role": "assistant", "content": found[name][-1].text})
    return found


def load(folder: str, four_bit: bool) -> Any:
    """The model with an adapter that has changed something, as after a training."""
    import torch

    from tui.engine.loading import add_adapter, load_model
    from tui.session.file import from_table

    table = {"name": folder, "max_seq_length": CONTEXT, "load_in_4bit": four_bit}
    session = from_table({"model": table, "data": {"source": "none"}})
    loaded = load_model(session)
    add_adapter(loaded, session)
    loaded.data = None
    torch.manual_seed(0)
    with torch.no_grad():
        for name, weight in loaded.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 1e-3)
    return loaded


def answers(bench: Bench, tokens: int) -> dict[str, float]:
    """First text and tokens a second of one answer, the median of some after one that warms up."""
    messages = [{"role": "user", "content": PROMPT}]
    ways = {"bare": lambda: bench.bare(messages, tokens), "ours": lambda: bench.ours(messages, tokens)}
    rounds = [{name: way() for name, way in ways.items()} for _ in range(1 + ROUNDS)][1:]
    found = {}
    for name in ways:
        found[f"{name}_first_s"] = statistics.median(told[name].first_s for told in rounds)
        found[f"{name}_tokens_per_s"] = statistics.median(told[name].tokens_per_s for told in rounds)
    bench.graphs = False
    found["ours_without_graphs_tokens_per_s"] = bench.ours(messages, tokens).tokens_per_s
    bench.graphs = True
    return found


def conversation(bench: Bench, turns: int, tokens: int) -> dict[str, float]:
    """A conversation by the recipe, and by us with and without what was read being kept."""
    from tui.engine.remembering import Memory

    memory = Memory(bench.loaded.model.device.type)
    told = converse(
        turns,
        {
            "bare": lambda history: bench.bare(history, tokens),
            "unkept": lambda history: bench.ours(history, tokens),
            "kept": lambda history: bench.ours(history, tokens, memory),
        },
    )
    unkept, kept = told["unkept"], told["kept"]
    return {
        "bare_s": sum(one.seconds for one in told["bare"]),
        "ours_unkept_s": sum(one.seconds for one in unkept),
        "ours_kept_s": sum(one.seconds for one in kept),
        "last_first_unkept_s": unkept[-1].first_s,
        "last_first_kept_s": kept[-1].first_s,
        "last_kept_tokens": kept[-1].kept,
        "same_answers": sum(one.text == other.text for one, other in zip(unkept, kept, strict=True)),
    }


def keeping(bench: Bench, context: int, tokens: int) -> dict[str, float]:
    """What it is worth to keep the turn before, where the prompt of the turn after it has about so many tokens."""
    from tui.engine.remembering import Memory

    words = bench.loaded.writer.inner(PROMPT * (context // 8))["input_ids"][: context - tokens - OVERHEAD]
    opening = {"role": "user", "content": bench.loaded.writer.decode(words)}

    def second_turn(memory: Memory | None) -> Told:
        first = bench.ours([opening], tokens, memory)
        turns = [{"role": "assistant", "content": first.text}, {"role": "user", "content": TURN.format(2)}]
        return bench.ours([opening, *turns], tokens, memory)

    def remembering() -> Memory:
        memory = Memory(bench.loaded.model.device.type)
        memory.least = 1
        return memory

    rounds = [(second_turn(None), second_turn(remembering())) for _ in range(1 + ROUNDS)][1:]
    found: dict[str, float] = {"prompt_tokens": rounds[-1][1].read, "kept_tokens": rounds[-1][1].kept}
    for name, told in zip(("unkept", "kept"), zip(*rounds, strict=True), strict=True):
        found[f"{name}_first_s"] = statistics.median(one.first_s for one in told)
        found[f"{name}_s"] = statistics.median(one.seconds for one in told)
    return found


def comparison(bench: Bench, tokens: int) -> dict[str, float]:
    """Base and tuned model side by side; the adapter that is switched makes the CUDA graphs be captured anew."""
    messages = [{"role": "user", "content": PROMPT}]

    def bare() -> float:
        began = time.monotonic()
        bench.bare(messages, tokens)
        with bench.loaded.model.disable_adapter():
            bench.bare(messages, tokens)
        return time.monotonic() - began

    def ours() -> float:
        return bench.ours(messages, tokens, voices=("tuned", "base")).seconds

    rounds = [(bare(), ours()) for _ in range(1 + ROUNDS)][1:]
    return dict(zip(("bare_s", "ours_s"), map(statistics.median, zip(*rounds, strict=True)), strict=True))


def everything(bench: Bench, tokens: int, turns: int) -> list[Row]:
    """One answer, a conversation and a comparison, against the recipe."""
    one, many, both = answers(bench, tokens), conversation(bench, turns, tokens // 2), comparison(bench, tokens)
    bar = 4.0 if bench.loaded.model.device.type == "cuda" else 1.0
    return [
        Row("first text of an answer", one["ours_first_s"], bare=one["bare_first_s"], bar=1),
        Row("an answer", one["ours_tokens_per_s"], "tokens/s", one["bare_tokens_per_s"], more_is_better=True, bar=bar),
        Row("the same without CUDA graphs", one["ours_without_graphs_tokens_per_s"], "tokens/s"),
        Row(f"{turns} turns", many["ours_kept_s"], bare=many["bare_s"]),
        Row(f"{turns} turns, kept against read again", many["ours_kept_s"], bare=many["ours_unkept_s"]),
        Row("first text of the last of them", many["last_first_kept_s"], bare=many["last_first_unkept_s"]),
        Row("tokens that were kept for it", many["last_kept_tokens"], "tokens"),
        Row(f"of {turns} answers equal with and without keeping", many["same_answers"], ""),
        Row("base and tuned side by side", both["ours_s"], bare=both["bare_s"]),
    ]


def kept_at(bench: Bench, context: int, tokens: int) -> list[Row]:
    """What keeping is worth at one length, as rows."""
    told = keeping(bench, context, tokens)
    title = f"{told['prompt_tokens']:,.0f} tokens, {told['kept_tokens']:,.0f} kept"
    return [
        Row(f"{title}: first text, against read again", told["kept_first_s"], bare=told["unkept_first_s"]),
        Row(f"{title}: whole answer, against read again", told["kept_s"], bare=told["unkept_s"]),
    ]


def lengths(text: str) -> list[int]:
    """Numbers of tokens with commas between them. Raises ValueError."""
    found = [int(part) for part in text.split(",")]
    if not all(4 * OVERHEAD <= length <= CONTEXT - 3 * OVERHEAD for length in found):
        raise ValueError
    return found


def absolute(text: str) -> Path:
    return Path(text).absolute()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model folder")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--turns", type=int, default=10)
    parser.add_argument("--contexts", type=lengths, metavar="1000,4000,8000")
    parser.add_argument("--load-in-16bit", action="store_true")
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--json", type=absolute, metavar="FILE")
    given = parser.parse_args()
    os.environ |= {"UNSLOTH_DISABLE_STATISTICS": "1"}
    if given.device == "cpu":
        os.environ |= {"UNSLOTH_FORCE_CPU": "1", "CUDA_VISIBLE_DEVICES": ""}
    folder = absolute(given.model)
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        from tui.engine.emit import emitter
        from tui.run.folder import RunFolder

        bench = Bench(load(str(folder), not given.load_in_16bit), emitter(RunFolder(Path(scratch))))
        half = given.tokens // 2
        at_lengths = [row for at in given.contexts or () for row in kept_at(bench, at, half)]
        rows = at_lengths or everything(bench, given.tokens, given.turns)
    print(f"\n{bench.loaded.device}, {'4' if bench.loaded.four_bit else '16'}-bit, {folder.name}")
    report(rows, given.json)


if __name__ == "__main__":
    main()
