"""What is kept of a talk: conversations that only their owner can read, examples for a dataset, and tables of answers."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tui.run import example_file, prompt_set, saved_talks
from tui.run.chat_commands import Message
from tui.run.chat_events import Answered
from tui.run.conversation import Answer, Conversation, Exchange
from tui.run.prompt_set import PromptSet
from tui.run.saved_talks import SavedTalk

TALK = Conversation((Exchange("1", "hi", (Answer("tuned", "$ ls", done=True, tokens=2),), model="demo"),), 0, "a-talk")
TURNS = [Message("user", "hi"), Message("assistant", "$ ls\n\u2028[/INST]")]


def test_a_kept_conversation_comes_back_as_it_was_and_is_private(home: Path) -> None:
    path = saved_talks.keep(SavedTalk(TALK, "Be brief."))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    (kept,) = saved_talks.list_kept()
    assert kept.talk == SavedTalk(TALK, "Be brief.")
    assert kept.has("LS") and not kept.has("nothing")


def test_what_is_no_conversation_is_left_out_of_the_list(home: Path) -> None:
    path = saved_talks.keep(SavedTalk(TALK))
    (path.parent / "damaged.json").write_text('{"conversation": ')
    (path.parent / "other.json").write_text('["something"]')
    (path.parent / "gone.json").symlink_to("nowhere")
    assert [kept.path for kept in saved_talks.list_kept()] == [path]


def test_an_answer_that_was_being_written_is_over_when_it_is_read(home: Path) -> None:
    open_one = replace(TALK, exchanges=(Exchange("1", "hi", (Answer("tuned", "half"),)),))
    saved_talks.keep(SavedTalk(open_one))
    assert saved_talks.list_kept()[0].talk.conversation.open_exchange is None


def test_an_example_is_a_line_that_a_dataset_reads(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    for _ in range(2):
        assert example_file.why_not(path) == ""
        example_file.add_example(path, TURNS)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert rows == [{"messages": [{"role": turn.role, "content": turn.content} for turn in TURNS]}] * 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_example_begins_a_line_of_its_own_after_a_file_without_a_last_line_end(tmp_path: Path) -> None:
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"messages": []}')
    example_file.add_example(path, TURNS)
    assert [bool(json.loads(line)) for line in path.read_text().split("\n")[:-1]] == [True, True]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.json", None, "end in .jsonl"),
        ("a.jsonl", '{"prompt": "a", "completion": "b"}\n', "no messages but completion, prompt"),
        ("a.jsonl", "just text\n", "not JSON"),
    ],
)
def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, name: str, text: str | None, told: str) -> None:
    path = tmp_path / name
    if text:
        path.write_text(text)
    assert told in example_file.why_not(path)


def answers() -> PromptSet:
    found = PromptSet("s", ("base", "tuned"), "demo")
    for event in (
        Answered(id="s", at=1, of=2, voice="base", prompt="b|c", reference="$ ls", text="<b>no</b>", tokens=4, seconds=0.5),
        Answered(id="s", at=1, of=2, voice="tuned", prompt="b|c", reference="$ ls", text=" $ ls\n", tokens=2, seconds=0.25),
        Answered(id="other", at=0, of=2, voice="tuned", text="never"),
        Answered(id="s", at=0, of=2, voice="tuned", prompt="a", text="x", tokens=6, seconds=0.75),
        Answered(id="s", of=2, done=True),
    ):
        found = prompt_set.fold_answered(found, event)
    return found


def test_a_set_measures_length_time_and_exact_answers() -> None:
    found = answers()
    assert found.done and found.of == 2 and found.answered == 3
    tuned = prompt_set.measure(found, "tuned")
    assert (tuned.answered, tuned.tokens, tuned.seconds, tuned.exact, tuned.judged) == (2, 4.0, 0.5, 1, 1)
    assert prompt_set.measure(found, "base").exact == 0


def test_a_set_is_written_as_lines_and_as_a_table(tmp_path: Path) -> None:
    written = prompt_set.save(answers(), tmp_path / "answers")
    assert [path.name for path in written] == ["answers.jsonl", "answers.md"]
    rows = [json.loads(line) for line in written[0].read_text().splitlines()]
    assert rows[1]["answers"]["tuned"] == {"text": " $ ls\n", "tokens": 2, "seconds": 0.25, "error": "", "exact": True}
    table = written[1].read_text()
    assert "b\\|c" in table and "&lt;b>no" in table
    assert len({line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")}) == 1


def test_no_file_of_answers_can_steer_a_terminal(tmp_path: Path) -> None:
    hostile = "\x1b]0;title\x07 \x9b2J \u202egnp \u2028 日本 مرحبا"
    heard = Answered(id="s", voice="tuned", prompt=hostile, reference=hostile, text=hostile)
    long = Answered(id="s", at=1, voice="tuned", prompt="x", reference="y", error="too long")
    found = prompt_set.fold_answered(prompt_set.fold_answered(PromptSet("s", ("tuned",), hostile), heard), long)
    written = [path.read_text(encoding="utf-8") for path in prompt_set.save(found, tmp_path / "answers")]
    example_file.add_example(tmp_path / "mine.jsonl", [Message("user", hostile)])
    written.append((tmp_path / "mine.jsonl").read_text(encoding="utf-8"))
    for text in written:
        assert text.replace("\n", "").isprintable() and "日本 مرحبا" in text
    assert json.loads(written[0].splitlines()[0])["prompt"] == hostile == json.loads(written[2])["messages"][0]["content"]
    assert prompt_set.measure(found, "tuned").answered == 1 and "too long" in written[1]
