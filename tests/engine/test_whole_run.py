"""One real run from its first event to its last, then a chat with what came out of it."""

from __future__ import annotations

import json
import math
import stat
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.lab import HELD_OUT, TRAIN, Lab, ended, release, run_python, wait_for, wait_gone, worker_of
from tui.catalog.local import read_model
from tui.run import commands, events
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.run.state import RunState
from tui.run.talk import ask
from tui.run.watcher import read_events, read_state
from tui.session import file

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

STEPS = 12
WARM_UP = 3
RATE = 2e-2
"""High enough that twelve updates teach the tiny model to speak otherwise than it did."""
QUESTION = commands.Message("user", "How do I count the lines in notes.txt?")


@dataclass(frozen=True)
class Run:
    folder: RunFolder
    state: RunState
    """What was known when it had finished."""


@pytest.fixture(scope="module")
def run(lab: Lab) -> Iterator[Run]:
    """A finished run whose engine still has the model loaded."""
    folder = lab.start(
        model={"name": str(lab.model), "max_seq_length": 4096, "load_in_4bit": False},
        training={
            "per_device_train_batch_size": 2,
            "max_steps": STEPS,
            "warmup_steps": WARM_UP,
            "learning_rate": RATE,
            "save_strategy": "steps",
            "save_steps": 6,
        },
        evaluation={"source": str(HELD_OUT), "eval_steps": 4, "compare_prompts": 3, "compare_max_new_tokens": 8},
        chat={"keep_loaded_minutes": 5},
        run={"name": "whole"},
    )
    yield Run(folder, wait_for(folder, ended, 120))
    send(folder, commands.Release())


def test_it_finishes_with_a_result_that_is_still_loaded(run: Run) -> None:
    assert run.state.status == "finished", run.state.failure
    assert run.state.result == str(run.folder.adapter)
    assert run.state.chat_ready
    assert run.state.warnings == ()


def test_every_update_is_told_once_with_all_its_figures(run: Run) -> None:
    told = [event for event in read_events(run.folder) if isinstance(event, events.StepDone)]
    assert [step.step for step in told] == list(range(1, STEPS + 1))
    for step in told:
        assert math.isfinite(step.loss) and 0 < step.loss < 10, step
        assert step.grad_norm is not None and math.isfinite(step.grad_norm) and step.grad_norm > 0, step
        assert step.seconds > 0 and step.tokens_per_s > 0, step
        assert step.epoch == pytest.approx(step.step * 2 / 432, rel=1e-3)
    assert [a.tokens < b.tokens for a, b in pairwise(told)] == [True] * (STEPS - 1)
    assert told[0].tokens > 20
    assert told[-1].loss < told[0].loss


def test_the_rate_a_second_and_the_tokens_agree(run: Run) -> None:
    before = 0
    for step in run.state.steps:
        assert step.tokens_per_s * step.seconds == pytest.approx(step.tokens - before)
        before = step.tokens


def test_the_learning_rate_rises_in_the_warm_up_and_falls_after_it(run: Run) -> None:
    rates = [step.learning_rate for step in run.state.steps]
    rising = [RATE * number / WARM_UP for number in range(WARM_UP)]
    falling = [RATE * (STEPS - number) / (STEPS - WARM_UP) for number in range(WARM_UP, STEPS)]
    assert rates == pytest.approx(rising + falling)


def test_the_most_memory_so_far_never_falls(run: Run) -> None:
    peaks = [step.peak_memory_bytes for step in run.state.steps]
    assert peaks[0] > 100 << 20
    assert peaks == sorted(peaks)


def test_the_plan_says_what_was_then_done(run: Run) -> None:
    plan = run.state.plan
    assert plan is not None
    assert (plan.steps, plan.examples, plan.held_out_examples, plan.device) == (STEPS, 432, 48, "CPU")
    assert plan.epochs == pytest.approx(STEPS / 216)
    assert plan.trained_parameters == _adapter_parameters(run.folder.adapter)
    card = read_model(file.load(run.folder.session).model.name)
    assert plan.all_parameters == (card.parameters or 0) + plan.trained_parameters


def test_memory_is_measured_once_loaded_and_once_trained(run: Run) -> None:
    loaded, trained = run.state.memory_loaded, run.state.memory_trained
    assert loaded is not None and trained is not None
    assert 100 << 20 < loaded.used_bytes <= loaded.peak_bytes < loaded.total_bytes
    assert trained.peak_bytes >= max(loaded.peak_bytes, trained.used_bytes)
    assert trained.peak_bytes >= run.state.steps[-1].peak_memory_bytes


def test_held_out_loss_is_measured_as_often_as_asked(run: Run) -> None:
    found = list(run.state.evaluations)
    assert [one.step for one in found] == [4, 8, 12]
    lowest = math.inf
    for one in found:
        assert one.perplexity == pytest.approx(math.exp(one.loss))
        assert one.best == (one.loss < lowest)
        lowest = min(lowest, one.loss)


def test_both_models_answer_the_first_held_out_prompts(run: Run) -> None:
    rows = [json.loads(line)["messages"] for line in HELD_OUT.read_text().splitlines()[:3]]
    assert [(one.prompt, one.reference) for one in run.state.compared] == [
        (asked["content"], answer["content"]) for asked, answer in rows
    ]
    assert any(one.base for one in run.state.compared)
    assert any(one.tuned for one in run.state.compared)  # a model may end some of its answers at once


def test_a_checkpoint_is_told_when_it_lies_on_disk(run: Run) -> None:
    assert [(one.step, Path(one.path).name) for one in run.state.checkpoints] == [(6, "checkpoint-6"), (12, "checkpoint-12")]
    for one in run.state.checkpoints:
        size = sum(path.stat().st_size for path in Path(one.path).rglob("*") if path.is_file())
        assert Path(one.path).parent == run.folder.checkpoints
        assert 0 < one.bytes <= size
        assert (Path(one.path) / "adapter_model.safetensors").is_file()


def test_the_phases_come_in_order(run: Run) -> None:
    every = [event.phase for event in read_events(run.folder) if isinstance(event, events.PhaseChanged)]
    phases = [phase for phase in every if phase != "evaluating"]  # which is told where it takes long
    told = [phase for at, phase in enumerate(phases) if at == 0 or phases[at - 1] != phase]
    assert told == ["importing", "loading", "reading", "tokenising", "training", "saving", "comparing"]


def test_the_adapter_is_complete(run: Run) -> None:
    names = {path.name for path in run.folder.adapter.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "chat_template.jinja"} <= names
    assert read_model(str(run.folder.adapter)).adapter_of == file.load(run.folder.session).model.name
    with safe_open(run.folder.adapter / "adapter_model.safetensors", framework="numpy") as tensors:
        learned = [abs(tensors.get_tensor(name)).max() for name in tensors.keys() if "lora_B" in name]  # noqa: SIM118
    assert len(learned) == 14
    assert min(learned) > 0  # they start as zeros


def test_provenance_says_with_what_it_was_made(run: Run) -> None:
    told = json.loads(run.folder.provenance.read_text())
    for package in ("unsloth", "torch", "transformers", "trl", "peft"):
        assert told["packages"][package] == version(package)
    assert set(told["data_sha256"]) == {str(TRAIN), str(HELD_OUT)}
    assert all(len(digest) == 64 for digest in told["data_sha256"].values())
    assert told["host"] and told["python"]


def test_nobody_else_can_read_the_run(run: Run) -> None:
    for path in [run.folder.path, *run.folder.path.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_the_run_folder_holds_what_the_design_names_and_nothing_else(run: Run) -> None:
    assert {path.name for path in run.folder.path.iterdir()} == {
        "session.toml", "provenance.json", "events.jsonl", "engine.lock", "engine.log", "checkpoints", "adapter",
    } | ({"commands.jsonl"} if run.folder.commands.exists() else set())  # fmt: skip
    names = {path.name for path in run.folder.checkpoints.iterdir()}
    assert {"checkpoint-6", "checkpoint-12"} <= names <= {"checkpoint-6", "checkpoint-12", "README.md"}


def test_base_and_tuned_model_both_answer_piece_by_piece(run: Run) -> None:
    voices: tuple[events.Voice, ...] = ("tuned", "base")
    chat = _chat("both", voices=voices, temperature=1.5, min_p=0.0, max_new_tokens=60, seed=1)
    told = _replies(run.folder, chat)
    for voice in voices:
        pieces = [reply for reply in told if reply.voice == voice]
        assert [reply.done for reply in pieces] == [False] * (len(pieces) - 1) + [True]
        assert "".join(reply.text for reply in pieces).strip()
        assert 0 < pieces[-1].tokens <= 60
        assert pieces[-1].tokens_per_s > 0
        assert not any(reply.error for reply in pieces)
    assert [reply.voice for reply in told] == sorted((reply.voice for reply in told), reverse=True)


def test_with_a_seed_a_voice_says_the_same_again_and_the_other_says_something_else(run: Run) -> None:
    first, second = (_said(run.folder, f"seeded {number}") for number in (1, 2))
    assert first == second
    assert first["tuned"] != first["base"]


def test_a_cancelled_answer_ends_early_and_keeps_what_came(run: Run) -> None:
    chat = _chat("long", voices=("base",), temperature=0, max_new_tokens=3500)
    told: list[events.Replied] = []
    for event in ask(run.folder, chat):
        assert isinstance(event, events.Replied), event
        told.append(event)
        if len(told) == 3:
            send(run.folder, commands.Cancel(id="long"))
    assert told[-1].done and not told[-1].error
    assert 0 < told[-1].tokens < 3000
    assert "".join(reply.text for reply in told)


def test_an_answer_is_cut_off_before_a_stop_text(run: Run) -> None:
    whole = _replies(run.folder, _chat("whole", voices=("base",), temperature=0, max_new_tokens=40))
    text = "".join(reply.text for reply in whole)
    at = len(text) // 2
    cut = _replies(run.folder, _chat("cut", voices=("base",), temperature=0, max_new_tokens=40, stop=(text[at : at + 4],)))
    assert "".join(reply.text for reply in cut) == text[: text.index(text[at : at + 4])]
    assert (whole[-1].ending, cut[-1].ending) == ("length", "stop")


def test_an_answer_after_a_cancelled_one_is_whole(run: Run) -> None:
    told = _replies(run.folder, _chat("after", voices=("base",), temperature=0, max_new_tokens=20))
    assert told[-1].tokens == 20


def test_a_row_can_be_previewed_by_the_engine_of_a_run(run: Run) -> None:
    told = _preview(run.folder, row=0)
    rows = [json.loads(line)["messages"] for line in TRAIN.read_text().splitlines()]
    assert told.error == ""
    assert told.text == "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in rows[0])
    assert told.tokens > 10


def test_a_preview_does_not_disturb_the_model_that_is_loaded(run: Run) -> None:
    before = _said(run.folder, "before the preview")
    _preview(run.folder, row=1)
    assert _said(run.folder, "after the preview") == before


def test_a_preview_of_a_row_that_is_not_there_says_so(run: Run) -> None:
    told = _preview(run.folder, row=5000)
    assert told.text == ""
    assert "5001" in told.error and "AttributeError" not in told.error


def test_a_run_that_has_ended_stays_ended_whatever_is_asked_of_it(run: Run) -> None:
    send(run.folder, commands.Stop())
    _replies(run.folder, _chat("again", voices=("tuned",), max_new_tokens=2))
    state = read_state(run.folder)
    assert (state.status, state.result) == ("finished", str(run.folder.adapter))


@pytest.fixture(scope="module")
def released(run: Run) -> float:
    """Seconds that the engine took to end once it was asked to give the memory back."""
    return release(run.folder)


def test_release_ends_the_process_within_seconds(run: Run, released: float) -> None:
    assert released < 5
    state = read_state(run.folder)
    assert (state.status, state.engine_alive, state.chat_ready) == ("finished", False, False)


@pytest.mark.usefixtures("released")
def test_the_result_can_be_talked_to_later_from_the_command_line(run: Run, lab: Lab, tmp_path: Path) -> None:
    asking = lab.command(
        "chat", str(run.folder.path), "--prompt", "hi", "--json",
        cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    worker = worker_of(lab.workbench())
    out, err = asking.communicate(timeout=120)
    assert asking.returncode == 0, err
    (told,) = [json.loads(line) for line in out.splitlines()]
    assert told["prompt"] == "hi" and told["voice"] == "tuned" and told["tokens"] > 0
    wait_gone([worker])
    assert list(tmp_path.iterdir()) == []  # nothing is left where the command was given


@pytest.mark.usefixtures("released")
def test_the_adapter_can_be_loaded_by_plain_peft(run: Run, tmp_path: Path) -> None:
    program = (
        "import sys; from peft import AutoPeftModelForCausalLM; from transformers import AutoTokenizer\n"
        "model = AutoPeftModelForCausalLM.from_pretrained(sys.argv[1])\n"
        "tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])\n"
        "text = tokenizer.apply_chat_template([{'role': 'user', 'content': 'hi'}], tokenize=False)\n"
        "print('\\n' + type(model).__name__, tokenizer.eos_token, text.startswith('<|im_start|>user'))\n"
    )
    told = run_python("-c", program, str(run.folder.adapter))
    assert told.splitlines()[-1] == "PeftModelForCausalLM <|im_end|> True"


def _adapter_parameters(folder: Path) -> int:
    return read_model(str(folder)).parameters or 0


def _chat(name: str, voices: Sequence[events.Voice] = ("tuned",), model: str = "", **chosen: Any) -> commands.Chat:
    speakers = tuple(commands.Speaker(voice, (QUESTION,)) for voice in voices)
    return commands.Chat(id=name, speakers=speakers, model=model, sampling=commands.Sampling(**chosen))


def _replies(folder: RunFolder, chat: commands.Chat) -> list[events.Replied]:
    return [event for event in ask(folder, chat) if isinstance(event, events.Replied)]


def _said(folder: RunFolder, name: str) -> dict[str, str]:
    """What each voice says when it has the same luck: what they say differently, they have learned differently."""
    chat = _chat(name, voices=("tuned", "base"), temperature=1, min_p=0.0, max_new_tokens=40, seed=7)
    told = _replies(folder, chat)
    voices = [speaker.voice for speaker in chat.speakers]
    return {voice: "".join(reply.text for reply in told if reply.voice == voice) for voice in voices}


def _preview(folder: RunFolder, row: int) -> events.Previewed:
    name = f"row {row}"
    send(folder, commands.Preview(id=name, row=row, session=folder.session.read_text()))
    found: list[events.Previewed] = []

    def told(state: RunState, event: events.Event) -> bool:
        if isinstance(event, events.Previewed) and event.id == name:
            found.append(event)
        return bool(found)

    wait_for(folder, told, 30)
    return found[0]
