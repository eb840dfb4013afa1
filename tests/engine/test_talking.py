"""An engine that has trained is talked to: about its own result, its checkpoints, other models, and many prompts at once."""

from __future__ import annotations

import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.lab import HELD_OUT, UNSLOTH_TUI, Lab, ended, wait_for, worker_of
from tui.run import commands, events
from tui.run.commands import Message
from tui.run.folder import RunFolder
from tui.run.process import send
from tui.run.state import RunState
from tui.run.talk import ask
from tui.run.watcher import read_events

pytest_plugins = ["tests.engine_fixtures"]
pytestmark = pytest.mark.slow

QUESTION = Message("user", "How do I count the lines in notes.txt?")
CONTEXT = 192


@pytest.fixture(scope="module")
def run(lab: Lab) -> Iterator[RunFolder]:
    """A finished run that has learned enough to speak otherwise than its base; its engine still has the model loaded."""
    folder = lab.start(
        model={"name": str(lab.model), "max_seq_length": CONTEXT, "load_in_4bit": False},
        training={
            "per_device_train_batch_size": 2,
            "gradient_accumulation_steps": 1,
            "max_steps": 8,
            "learning_rate": 2e-2,
            "dataset_num_proc": 1,
            "save_strategy": "steps",
            "save_steps": 4,
        },
        evaluation={
            "source": str(HELD_OUT),
            "eval_steps": 100,
            "compare_prompts": 0,
            "sample_prompts": ["hi", "list files"],
        },
        chat={"keep_loaded_minutes": 5, "system_prompt": "Be brief."},
    )
    state = wait_for(folder, ended, 240)
    assert state.status == "finished", state.failure
    yield folder
    send(folder, commands.Release())


def test_it_says_that_it_can_be_talked_to(run: RunFolder) -> None:
    ready = _ready(run, lambda told: bool(told))[0]
    assert (ready.model, ready.device, ready.context_tokens) == (str(run.path), "CPU", CONTEXT)
    assert (ready.has_base, ready.has_template, ready.four_bit) == (True, True, False)
    assert 100 << 20 < ready.used_bytes < ready.total_bytes


def test_what_was_read_of_a_conversation_is_not_read_again_and_changes_nothing(run: RunFolder, lab: Lab) -> None:
    """The same question at the end of the same conversation, once with and once without what was kept."""
    talk: list[Message] = []
    for text in ("How do I count lines?", "And words?", "And files?"):
        talk.append(Message("user", text))
        kept, said = _one(run, talk)
        talk.append(Message("assistant", said))
    _one(run, [QUESTION], model=str(lab.model))  # another model: whatever was kept is gone
    fresh, said_again = _one(run, talk[:-1])
    assert (kept.kept_tokens > 40, fresh.kept_tokens) == (True, 0)
    assert (said_again, fresh.tokens, fresh.ending) == (said, kept.tokens, kept.ending)
    assert kept.prompt_tokens == fresh.prompt_tokens > kept.kept_tokens
    assert kept.context_tokens == CONTEXT and kept.first_token_s > 0


def test_the_voices_do_not_share_what_they_have_read(run: RunFolder) -> None:
    _, said = _one(run, [QUESTION], voice="base")
    both = _replies(run, _chat([QUESTION], ("tuned", "base")))
    assert "".join(reply.text for reply in both if reply.voice == "base") == said
    assert _one(run, [QUESTION])[1] != said, "the tuned model says what the base model says"


def test_an_answer_ends_where_the_context_is_full(run: RunFolder) -> None:
    last, _ = _one(run, [QUESTION], voice="base", max_new_tokens=5000)
    assert last.prompt_tokens + last.tokens == CONTEXT
    assert (last.ending, last.error) == ("full", "")


def test_a_conversation_that_is_longer_than_the_context_is_refused_with_its_length(run: RunFolder) -> None:
    last, said = _one(run, [Message("user", "word " * 400)])
    assert (said, last.ending, last.done) == ("", "full", True)
    assert f"{last.prompt_tokens:,}" in last.error and "192" in last.error and "shorten it" in last.error
    turns = [Message("user", "word " * 60), Message("assistant", "yes"), Message("user", "word " * 60)]
    assert "oldest turns" in _one(run, turns)[0].error


def test_ten_thousand_lines_are_refused_and_the_next_question_is_answered(run: RunFolder) -> None:
    last, _ = _one(run, [Message("user", "a line\n" * 10_000)])
    assert "shorten it" in last.error
    assert _one(run, [QUESTION])[0].tokens > 0


def test_two_checkpoints_answer_side_by_side_as_each_does_alone(run: RunFolder) -> None:
    early = str(run.checkpoints / "checkpoint-4")
    speakers = (
        commands.Speaker("tuned", (QUESTION,)),
        commands.Speaker("other", (QUESTION,), early),
        commands.Speaker("base", (QUESTION,)),
    )
    told = _replies(run, commands.Chat(id="beside", speakers=speakers, sampling=_greedy()))
    said = {voice: "".join(reply.text for reply in told if reply.voice == voice) for voice in ("tuned", "other", "base")}
    assert [reply.error for reply in told if reply.error] == []
    assert said["tuned"] == _one(run, [QUESTION])[1], "the first adapter is not back in place"
    assert said["other"] == _one(run, [QUESTION], model=early)[1]
    assert said["other"] != said["tuned"]


def test_a_plain_model_is_loaded_in_place_and_is_the_base_of_the_run(run: RunFolder, lab: Lab) -> None:
    _, base = _one(run, [QUESTION], voice="base")
    last, plain = _one(run, [QUESTION], model=str(lab.model))
    assert (plain, last.error) == (base, "")
    ready = _ready(run, lambda told: told[-1].model == str(lab.model))[-1]
    assert (ready.has_base, ready.context_tokens) == (False, 2048)
    phases = [event.phase for event in read_events(run) if isinstance(event, events.PhaseChanged)]
    assert phases[-2:] == ["loading", "ready"]
    assert _one(run, [QUESTION])[0].context_tokens == CONTEXT, "without a name the run's own result is meant"


@pytest.mark.parametrize("make", ["nowhere", "empty run", "orphan"])
def test_what_cannot_be_loaded_is_refused_and_the_engine_lives_on(make: str, run: RunFolder, tmp_path: Path) -> None:
    place, reason = tmp_path / "model", "there is no folder"
    if make == "empty run":
        place.mkdir()
        shutil.copy(run.session, place)
        reason = "neither a result nor a checkpoint"
    elif make == "orphan":
        shutil.copytree(run.adapter, place)
        config = json.loads((place / "adapter_config.json").read_text())
        (place / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "/gone/model"}))
        reason = "base model of this adapter is gone"
    last, said = _one(run, [QUESTION], model=str(place))
    assert reason in last.error and said == ""
    assert _one(run, [QUESTION])[0].tokens > 0


def test_an_adapter_for_another_model_is_not_put_on_this_one(run: RunFolder, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(run.adapter, other)
    foreign = tmp_path / "foreign"
    shutil.copytree(json.loads((other / "adapter_config.json").read_text())["base_model_name_or_path"], foreign)
    config = json.loads((other / "adapter_config.json").read_text())
    (other / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(foreign)}))
    speakers = (commands.Speaker("other", (QUESTION,), str(other)),)
    (last,) = _replies(run, commands.Chat(id="foreign", speakers=speakers))
    assert "was trained on" in last.error and str(foreign) in last.error


def test_the_prompt_is_shown_as_the_model_reads_it(run: RunFolder) -> None:
    shown = _shown(run, (Message("system", "Be brief."), QUESTION, Message("assistant", "Use wc")))
    expected = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHow do I count the lines in notes.txt?<|im_end|>\n"
        "<|im_start|>assistant\nUse wc"
    )
    assert (shown.text, "".join(shown.pieces), shown.error) == (expected, expected, "")
    assert len(shown.marks) == len(shown.pieces) <= shown.tokens
    assert [piece for piece, mark in zip(shown.pieces, shown.marks, strict=True) if mark == ":"] == [
        "<|im_start|>", "<|im_end|>", "<|im_start|>", "<|im_end|>", "<|im_start|>",
    ]  # fmt: skip


def test_a_model_without_a_template_says_so_and_its_turns_are_lines(run: RunFolder, lab: Lab, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(lab.model, bare)
    (bare / "chat_template.jinja").unlink()
    assert _one(run, [QUESTION], model=str(bare))[0].error == ""
    assert _ready(run, lambda told: told[-1].model == str(bare))[-1].has_template is False
    assert _shown(run, (Message("system", "Be brief."), QUESTION), str(bare)).text == f"Be brief.\n{QUESTION.content}"


def test_both_voices_answer_the_held_out_part(run: RunFolder) -> None:
    rows = [json.loads(line)["messages"] for line in HELD_OUT.read_text().splitlines()[:4]]
    told = _answers(run, source="held-out", count=4)
    assert told[-1].done and told[-1].of == 4 and told[-1].error == ""
    assert {(one.at, one.voice) for one in told[:-1]} == {(at, voice) for at in range(4) for voice in ("base", "tuned")}
    for one in told[:-1]:
        assert (one.prompt, one.reference) == tuple(turn["content"] for turn in rows[one.at])
        assert one.tokens > 0 and one.seconds > 0 and one.of == 4
    for at, row in enumerate(rows):
        alone = _one(run, [Message("user", row[0]["content"])])[1]
        assert [one.text for one in told if (one.at, one.voice, one.done) == (at, "tuned", False)] == [alone]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("prompts.txt", "list files\n\n  count lines \n"),
        ("asked.jsonl", '{"question": "list files"}\n{"question": "count lines"}\n'),
        ("both.jsonl", '{"prompt": "list files", "completion": "ls"}\n{"prompt": "count lines", "completion": "wc"}\n'),
    ],
)
def test_a_set_of_prompts_may_come_from_a_file(run: RunFolder, tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    told = _answers(run, source="file", file=str(path), voices=("tuned",))
    assert [one.prompt for one in sorted(told[:-1], key=lambda one: one.at)] == ["list files", "count lines"]
    assert {one.reference for one in told[:-1]} == ({"ls", "wc"} if name == "both.jsonl" else {""})


def test_the_sample_prompts_of_the_session_are_a_set_and_nothing_is_a_reason(run: RunFolder, tmp_path: Path) -> None:
    told = _answers(run, source="session", voices=("base",))
    assert sorted(one.prompt for one in told[:-1]) == ["hi", "list files"]
    (refused,) = _answers(run, source="file", file=str(tmp_path / "none.jsonl"))
    assert refused.done and "none.jsonl" in refused.error


def test_a_set_that_is_not_wanted_any_more_ends_with_what_it_has(run: RunFolder) -> None:
    wanted = commands.AnswerSet(id="unwanted", session=run.session.read_text(), source="held-out", sampling=_greedy())
    send(run, commands.Cancel(id="unwanted"))
    (last,) = _told(run, wanted, events.Answered, lambda event: event.done)
    assert (last.done, last.error) == (True, "")


def test_the_command_line_compares_both_voices_for_a_script(run: RunFolder, lab: Lab) -> None:
    done = _command(lab, "chat", run.path, "--prompt", QUESTION.content, "--compare", "--json", "--temperature", "0")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["voice"], one["error"]) for one in told] == [("base", ""), ("tuned", "")]
    assert told[0]["ending"] == "full"
    base = _replies(run, _chat([Message("system", "Be brief."), QUESTION], ("base",), max_new_tokens=5000))
    assert told[0]["text"] == "".join(reply.text for reply in base)
    assert told[0]["tokens"] == base[-1].tokens > 0 and told[0]["tokens_per_s"] > 0 and told[0]["prompt"] == QUESTION.content


def test_the_command_line_hears_a_checkpoint_beside_the_result(run: RunFolder, lab: Lab) -> None:
    checkpoint = str(run.checkpoints / "checkpoint-4")
    words = ("--with", checkpoint, "--prompt", "hi", "--temperature", "0", "--max-new-tokens", "8")
    told = _command(lab, "chat", run.path, *words).stdout
    early = commands.Speaker("other", (Message("system", "Be brief."), Message("user", "hi")), checkpoint)
    said = _replies(run, commands.Chat(id="early", speakers=(early,), sampling=_greedy(max_new_tokens=8)))
    assert told.startswith("tuned:\n") and told.endswith(f"other:\n{''.join(reply.text for reply in said)}\n")


def test_the_command_line_reads_what_is_piped_into_it(run: RunFolder, lab: Lab) -> None:
    chosen = ("--json", "--temperature", "0", "--max-new-tokens", "5")
    whole = _command(lab, "chat", run.path, *chosen, told="list files\nand count them\n")
    lines = _command(lab, "chat", run.path, *chosen, "--lines", told="list files\n\nand count them\n")
    assert [json.loads(line)["prompt"] for line in whole.stdout.splitlines()] == ["list files\nand count them"]
    assert [json.loads(line)["prompt"] for line in lines.stdout.splitlines()] == ["list files", "and count them"]
    assert all(json.loads(line)["ending"] in ("end", "length") for line in lines.stdout.splitlines())


def test_the_command_line_prints_an_answer_that_cannot_steer_the_terminal(run: RunFolder, lab: Lab) -> None:
    words = ("--base", "--prompt", "hi", "--max-new-tokens", "20")
    wild = _command(lab, "chat", run.path, *words, "--seed", "3", "--temperature", "5")
    assert wild.stdout.strip() and all(char.isprintable() or char in "\n\t" for char in wild.stdout)
    assert "cut off" in _command(lab, "chat", run.path, *words, "--temperature", "0").stderr


def test_the_command_line_ends_with_1_where_there_is_no_answer(run: RunFolder, lab: Lab) -> None:
    done = _command(lab, "chat", run.path, "--prompt", "word " * 400, "--json", code=1)
    assert "shorten it" in json.loads(done.stdout)["error"] and "shorten it" in done.stderr


def test_an_engine_that_dies_in_the_middle_of_an_answer_ends_the_asking(run: RunFolder) -> None:
    """The last test here: there is no engine after it."""
    chat = _chat([QUESTION], ("base",), max_new_tokens=5000)
    chat = commands.Chat(id=chat.id, speakers=chat.speakers * 200, sampling=chat.sampling)
    told: list[events.Event] = []
    for event in ask(run, chat):
        if not told:
            worker_of(run).kill()
        told.append(event)
    assert isinstance(told[0], events.Replied)
    assert isinstance(told[-1], events.EngineSeen | events.Failed)


def _command(lab: Lab, *words: object, told: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
    with lab.entered():
        done = subprocess.run(
            [*UNSLOTH_TUI, *map(str, words)], input=told, capture_output=True, text=True, timeout=120, check=False
        )
    assert done.returncode == code, done.stderr
    return done


def _greedy(**chosen: Any) -> commands.Sampling:
    return commands.Sampling(**{"temperature": 0, "max_new_tokens": 12} | chosen)


def _chat(
    messages: Sequence[Message], voices: Sequence[events.Voice] = ("tuned",), model: str = "", **chosen: Any
) -> commands.Chat:
    speakers = tuple(commands.Speaker(voice, tuple(messages)) for voice in voices)
    return commands.Chat(id=uuid.uuid4().hex, speakers=speakers, model=model, sampling=_greedy(**chosen))


def _replies(folder: RunFolder, chat: commands.Chat) -> list[events.Replied]:
    return [event for event in ask(folder, chat) if isinstance(event, events.Replied)]


def _one(
    folder: RunFolder, messages: Sequence[Message], voice: events.Voice = "tuned", model: str = "", **chosen: Any
) -> tuple[events.Replied, str]:
    """The last reply of one voice, and all it said."""
    told = _replies(folder, _chat(messages, (voice,), model, **chosen))
    return told[-1], "".join(reply.text for reply in told)


def _ready(folder: RunFolder, enough: Callable[[list[events.ModelReady]], bool]) -> list[events.ModelReady]:
    found: list[events.ModelReady] = []

    def told(state: RunState, event: events.Event) -> bool:
        if isinstance(event, events.ModelReady):
            found.append(event)
            return enough(found)
        return False

    wait_for(folder, told, 60)
    return found


def _shown(folder: RunFolder, messages: tuple[Message, ...], model: str = "") -> events.PromptShown:
    wanted = commands.ShowPrompt(id=uuid.uuid4().hex, messages=messages, model=model)
    return _told(folder, wanted, events.PromptShown, lambda event: True)[0]


def _answers(folder: RunFolder, **chosen: Any) -> list[events.Answered]:
    wanted = commands.AnswerSet(id=uuid.uuid4().hex, session=folder.session.read_text(), sampling=_greedy(), **chosen)
    return _told(folder, wanted, events.Answered, lambda event: event.done)


def _told(folder: RunFolder, wanted: Any, kind: type, last: Callable[[Any], bool]) -> list[Any]:
    found: list[Any] = []
    send(folder, wanted)

    def told(state: RunState, event: events.Event) -> bool:
        if isinstance(event, kind) and event.id == wanted.id:
            found.append(event)
            return last(event)
        return False

    wait_for(folder, told, 120)
    return found
