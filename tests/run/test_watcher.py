"""A run looked at from outside: what is on disk and whether its engine lives decide what is said."""

from __future__ import annotations

import json
import threading
from itertools import islice

import pytest

from tui.run import events, process, talk, watcher
from tui.run.commands import Message, Sampling, Speaker, Stop, from_line
from tui.run.events import EngineSeen, Failed, Finished, PhaseChanged, StepDone
from tui.run.lines import append_line
from tui.run.watcher import Watcher, follow, read_events, read_state
from tui.session.sections.chat import ChatSection

LOADING = PhaseChanged(time=1.0, phase="loading")
STEP = StepDone(time=2.0, step=1, epoch=0.1, loss=1.0, learning_rate=0.0, seconds=1.0)
DONE = Finished(time=3.0, outcome="completed", result="/adapter", loaded=True)


def test_a_run_whose_engine_is_just_starting_is_waiting(make_run) -> None:
    state = read_state(make_run())
    assert (state.status, state.engine_alive) == ("waiting", True)


def test_an_engine_that_is_just_writing_its_lock_has_not_crashed(make_run) -> None:
    folder = make_run()
    folder.lock.write_text("")
    assert read_state(folder).status == "waiting"


def test_an_engine_that_never_came_has_crashed(make_run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "STARTING_S", -1.0)
    state = read_state(make_run())
    assert state.failure is not None
    assert (state.status, state.failure.text) == ("crashed", "the engine is gone without a word")


def test_a_run_in_progress(make_run) -> None:
    state = read_state(make_run([LOADING, STEP], alive=True))
    assert (state.status, state.engine_alive, len(state.steps)) == ("training", True, 1)


def test_a_run_whose_engine_died_has_crashed_and_the_log_says_what_came_last(make_run) -> None:
    folder = make_run([LOADING, STEP], alive=False)
    folder.log.write_bytes(b"loading\n 10%|#\r 20%|##\r\nTraceback\n\nMemoryError: \xff no room\n")
    state = read_state(folder)
    assert state.failure is not None and state.status == "crashed"
    assert state.failure.text == (
        "the engine is gone without a word; it printed last: "
        "20%|## | Traceback | MemoryError: \N{REPLACEMENT CHARACTER} no room"
    )


def test_a_finished_run_can_be_talked_to_only_while_its_engine_lives(make_run) -> None:
    assert read_state(make_run([STEP, DONE], alive=True)).chat_ready
    gone = read_state(make_run([STEP, DONE], alive=False))
    assert (gone.status, gone.chat_ready, gone.result) == ("finished", False, "/adapter")


def test_a_failed_run_keeps_its_reason(make_run) -> None:
    failed = Failed(code="bad-data", text="row 3 is empty")
    assert read_state(make_run([failed], alive=False)).failure == failed


def test_damaged_and_unknown_lines_are_skipped_and_a_half_line_waits(make_run) -> None:
    folder = make_run([LOADING], alive=True)
    append_line(folder.events, 'garbage\n{"kind": "from-the-future"}\n\n')
    append_line(folder.events, events.to_line(STEP))
    append_line(folder.events, events.to_line(DONE)[:30])
    assert list(read_events(folder)) == [LOADING, STEP]
    assert read_state(folder).status == "training"


def test_a_folder_that_vanished_is_no_error(make_run) -> None:
    folder = make_run()
    folder.events.unlink()
    folder.session.unlink()
    folder.path.rmdir()
    assert list(read_events(folder)) == []
    assert read_state(folder).status == "crashed"


def test_following_tells_the_events_before_the_death_that_came_after_them(make_run) -> None:
    told = follow(make_run([LOADING, STEP, DONE], alive=False), threading.Event())
    *first, seen = islice(told, 4)
    assert first == [LOADING, STEP, DONE]
    assert isinstance(seen, EngineSeen) and not seen.alive


def test_following_goes_on_with_what_is_appended_and_ends_when_asked(make_run) -> None:
    folder = make_run([LOADING], alive=True)
    until = threading.Event()
    told = follow(folder, until)
    assert next(told) == LOADING
    append_line(folder.events, events.to_line(STEP))
    step, seen = islice(told, 2)
    assert step == STEP
    assert isinstance(seen, EngineSeen) and seen.alive
    until.set()
    assert list(told) == []


def test_a_watcher_hands_over_what_came_since_the_last_look(make_run) -> None:
    watching = Watcher(make_run())
    watching.inbox.extend([LOADING, STEP])
    assert watching.drain() == [LOADING, STEP]
    assert watching.drain() == []


# what is sent, and to whom


def test_a_command_reaches_the_folder_as_it_was_meant(make_run) -> None:
    folder = make_run()
    asked = Stop(discard=True)
    process.send(folder, asked)
    assert from_line(folder.commands.read_text()) == asked


def test_the_last_words_of_an_engine_without_a_log_are_none(make_run) -> None:
    assert process.last_words(make_run()) == ""


def test_the_last_words_of_a_long_log_are_its_last(make_run) -> None:
    folder = make_run()
    folder.log.write_text("x" * 100_000 + "\na\nb\nc\nd\n")
    assert process.last_words(folder, lines=2) == "c | d"


def test_only_a_living_engine_has_processes(make_run) -> None:
    assert process.live_processes(make_run(alive=True))[0].is_running()
    assert process.live_processes(make_run(alive=False)) == []
    assert process.live_processes(make_run()) == []


def test_a_chat_carries_the_settings_of_the_session() -> None:
    chat = ChatSection(
        system_prompt="be brief", temperature=0.0, top_p=0.5, top_k=7, seed=3, stop=("END",), max_new_tokens=9
    )
    asked = talk.request([Message("user", "hi")], "base", chat, "owner/model")
    assert asked.speakers == (Speaker("base", (Message("system", "be brief"), Message("user", "hi"))),)
    assert asked.sampling == Sampling(0.0, top_p=0.5, top_k=7, seed=3, stop=("END",), max_new_tokens=9)
    assert asked.model == "owner/model"
    assert talk.request([], "tuned", ChatSection()).speakers == (Speaker("tuned", ()),)
    assert asked.id != talk.request([], "tuned", chat).id
    assert talk.request([], "tuned", chat, id="mine").id == "mine"


def test_a_run_with_its_model_in_memory_answers_itself(make_run) -> None:
    run = make_run([STEP, DONE], alive=True)
    assert talk.engine_for(run) == (run, "")


def test_nothing_secret_or_odd_is_in_a_lock(make_run) -> None:
    folder = make_run(alive=True)
    assert set(json.loads(folder.lock.read_text())) == {"pid", "started", "host", "birth"}
