"""Each voice remembers its own answers, pieces come together in order, and nobody waits for an engine that is gone."""

from __future__ import annotations

from typing import Any

from tui.run.conversation import Conversation, asked, before, fold_reply, forgetting, given_up, gone_on
from tui.run.events import Replied


def told(conversation: Conversation, *replies: dict[str, Any]) -> Conversation:
    for reply in replies:
        conversation = fold_reply(conversation, Replied(**reply))
    return conversation


BOTH = asked(Conversation(), "1", "hi", ("base", "tuned"), "engine")


def test_the_pieces_of_two_voices_do_not_mix() -> None:
    talk = told(
        BOTH,
        {"id": "1", "voice": "base", "text": "he"},
        {"id": "1", "voice": "tuned", "text": "$ "},
        {"id": "1", "voice": "base", "text": "llo", "done": True, "tokens": 2, "tokens_per_s": 8.0},
        {"id": "1", "voice": "tuned", "text": "ls"},
    )
    base, tuned = talk.exchanges[0].answers
    assert (base.text, base.done, base.tokens, base.tokens_per_s) == ("hello", True, 2, 8.0)
    assert (tuned.text, tuned.done) == ("$ ls", False)
    assert talk.open_exchange == talk.exchanges[0]
    assert told(talk, {"id": "1", "voice": "tuned", "done": True}).open_exchange is None


def test_a_piece_that_comes_too_late_or_for_somebody_else_changes_nothing() -> None:
    talk = told(BOTH, {"id": "1", "voice": "base", "text": "a", "done": True})
    assert told(talk, {"id": "1", "voice": "base", "text": "b"}, {"id": "2", "voice": "tuned", "text": "c"}) == talk


def test_an_error_of_one_voice_leaves_the_answer_of_the_other() -> None:
    talk = told(BOTH, {"id": "1", "voice": "base", "error": "no room", "done": True})
    base, tuned = talk.exchanges[0].answers
    assert (base.done, base.error, tuned.done, tuned.error) == (True, "no room", False, "")
    assert told(talk, {"id": "1", "voice": "tuned", "text": "t", "done": True}).open_exchange is None


def test_nobody_waits_for_an_engine_that_is_gone() -> None:
    talk = given_up(told(BOTH, {"id": "1", "voice": "base", "text": "half"}), "engine", "the engine is gone")
    assert [(answer.text, answer.error) for answer in talk.exchanges[0].answers] == [
        ("half", "the engine is gone"),
        ("", "the engine is gone"),
    ]
    assert talk.open_exchange is None
    assert given_up(talk, "engine", "again") == talk


def test_answers_of_another_engine_are_still_waited_for() -> None:
    talk = asked(BOTH, "2", "more", ("tuned",), "another")
    assert [exchange.done for exchange in given_up(talk, "engine", "gone").exchanges] == [True, False]


def test_each_voice_remembers_its_own_answers_and_borrows_where_it_was_not_asked() -> None:
    talk = told(
        BOTH,
        {"id": "1", "voice": "base", "text": "b", "done": True},
        {"id": "1", "voice": "tuned", "text": "t", "done": True},
    )
    talk = told(asked(talk, "2", "more", ("tuned",), "engine"), {"id": "2", "voice": "tuned", "text": "u", "done": True})
    talk = told(asked(talk, "3", "lost", ("tuned",), "engine"), {"id": "3", "error": "gone", "done": True})
    assert [message.content for message in talk.messages_for("base")] == ["hi", "b", "more", "u"]
    assert [message.content for message in talk.messages_for("tuned")] == ["hi", "t", "more", "u"]
    assert [message.role for message in talk.messages_for("base")] == ["user", "assistant"] * 2


def test_an_empty_conversation() -> None:
    assert Conversation().open_exchange is None
    assert Conversation().messages_for("base") == []


def test_going_on_keeps_what_came_and_listens_to_the_new_request() -> None:
    talk = told(asked(Conversation(), "1", "hi", ("tuned",), "e"), {"id": "1", "text": "he", "done": True, "tokens": 2})
    talk = told(gone_on(talk, "2", "e"), {"id": "1", "text": "old"}, {"id": "2", "text": "llo", "done": True, "tokens": 3})
    (answer,) = talk.exchanges[0].answers
    assert (answer.text, answer.tokens, answer.earlier_tokens) == ("hello", 3, 2)


def test_what_an_engine_said_before_it_died_is_told_to_the_next_one() -> None:
    talk = given_up(told(asked(Conversation(), "1", "hi", ("tuned",), "e"), {"id": "1", "text": "half"}), "e", "gone")
    assert [message.content for message in talk.messages_for("tuned")] == ["hi", "half"]


def test_forgotten_turns_are_told_no_more_but_stay_to_be_read() -> None:
    talk = Conversation()
    for number in "1234":
        talk = told(asked(talk, number, f"p{number}", ("tuned",), "e"), {"id": number, "text": "a", "done": True})
    talk = forgetting(talk)
    assert [message.content for message in talk.messages_for("tuned")] == ["p3", "a", "p4", "a"]
    assert len(talk.exchanges) == 4
    for _ in range(5):
        talk = forgetting(talk)
    assert talk.forgotten == 3


def test_before_an_exchange_is_all_that_was_said_until_then() -> None:
    talk = asked(told(BOTH, {"id": "1", "voice": "base", "text": "b"}), "2", "more", ("tuned",), "e")
    assert [exchange.id for exchange in before(talk, "2").exchanges] == ["1"]
    assert before(talk, "none") == talk
    assert [message.content for message in talk.messages_for("base", "2")] == ["hi", "b"]
