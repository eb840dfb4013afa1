"""Data that cannot be trained on as it is gets the reason, and what is proposed instead works when it is applied."""

from __future__ import annotations

from typing import Any

import pytest

from tui.data.converting import to_example
from tui.data.detect import detect
from tui.data.records import DataError
from tui.session.sections.data import DataSection

ASK, GOOD, BAD = (
    {"role": role, "content": text} for role, text in (("user", "q"), ("assistant", "good"), ("assistant", "bad"))
)
SHARED = {"from": "human", "value": "q"}
IMAGE = {"bytes": b"\x89PNG", "path": "a.png"}
Row = dict[str, Any]


def mended(row: Row) -> tuple[str, list[tuple[str, str]], str]:
    """What is refused, and what is learned once the mend is applied."""
    with pytest.raises(DataError) as caught:
        detect([row] * 4, DataSection())
    assert len(str(caught.value)) < 400 and caught.value.mend
    section = DataSection(**{key.removeprefix("data."): value for key, value in caught.value.mend.items()})
    example = to_example(row, detect([row] * 4, section), section)
    return str(caught.value), [(turn.role, turn.content) for turn in example.turns], example.text


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "chosen": "good", "rejected": "bad"},
        {"chosen": [ASK, GOOD], "rejected": [ASK, BAD]},
        {"prompt": "q", "chosen": [ASK, GOOD], "rejected": [ASK, BAD], "score_chosen": 1.0},
        {"prompt": [ASK], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": "q", "chosen": [GOOD], "rejected": [BAD]},
        {"conversations": [SHARED], "chosen": {"from": "gpt", "value": "good"}, "rejected": {"from": "gpt", "value": "bad"}},
        {"question": "q", "answer_chosen": "good", "answer_rejected": "bad"},
        {"chosen": "\n\nHuman: q\n\nAssistant: good", "rejected": "\n\nHuman: q\n\nAssistant: bad"},
        {"instruction": "q", "preferred": "good", "dispreferred": "bad"},
        {"pair": {"prompt": "q", "chosen": "good", "rejected": "bad"}},
    ],
)
def test_of_preferences_the_better_answers_can_be_learned(row: Row) -> None:
    said, turns, _ = mended(row)
    assert "preferences" in said
    assert turns == [("user", "q"), ("assistant", "good")]


def test_of_better_and_worse_texts_the_better_ones_can_be_learned() -> None:
    _, _, text = mended({"chosen": "a good story", "rejected": "a bad story"})
    assert text == "a good story"


def test_of_numbered_rivals_the_first_can_be_learned() -> None:
    said, turns, _ = mended({"prompt": "q", "response_0": "good", "response_1": "bad", "better_response_id": 0})
    assert "'better_response_id'" in said
    assert turns == [("user", "q"), ("assistant", "good")]


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "q", "completion": "good", "label": True},
        {"prompt": [ASK], "completion": [GOOD], "label": False},
        {"messages": [ASK, GOOD], "kto_tag": True},
    ],
)
def test_answers_labelled_good_or_bad_are_not_learned_unawares(row: Row) -> None:
    said, turns, _ = mended(row)
    assert "says of each answer whether it is a good one" in said
    assert turns == [("user", "q"), ("assistant", "good")]


@pytest.mark.parametrize(
    "row",
    [
        {"image": IMAGE, "question": "q", "answer": "good"},
        {"images": ["coco/1.jpg"], "messages": [ASK, GOOD]},
        {"audio": {"array": [0.1], "sampling_rate": 16000, "path": None}, "prompt": "q", "completion": "good"},
        {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "q"}]}, GOOD]},
        {"chat": [{"role": "user", "content": [{"type": "input_audio"}, {"type": "text", "text": "q"}]}, GOOD]},
        {"image": b"\x89PNG", "question": "q", "answer": "good"},
    ],
)
def test_of_images_and_sounds_the_text_can_be_learned(row: Row) -> None:
    said, turns, _ = mended(row)
    assert "only text can be trained here" in said
    assert turns == [("user", "q"), ("assistant", "good")]


def test_images_alone_are_refused_without_a_promise() -> None:
    with pytest.raises(DataError, match="column 'image' holds images, sounds or videos, and only text") as caught:
        detect([{"image": IMAGE, "width": 3}], DataSection())
    assert not caught.value.mend


@pytest.mark.parametrize(
    "row",
    [
        {"question": "q", "answer": "a", "images": 3},
        {"question": "q", "answer": "a", "picture": "a sentence about a photo"},
        {"question": "q", "answer": "a", "images": []},
        {"text": "a", "label": True},
        {"question": "q", "answer": "a", "label": 1},
    ],
)
def test_nothing_is_refused_for_a_name_alone(row: Row) -> None:
    assert detect([row], DataSection()).confidence > 0.5


def test_an_image_that_the_sample_did_not_show_is_refused_at_its_row() -> None:
    reading = detect([{"messages": [ASK, GOOD]}], DataSection())
    row = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, GOOD]}
    with pytest.raises(DataError, match="turn 1 holds 'image_url', and only text can be trained here"):
        to_example(row, reading, DataSection())
