"""Every fault of a dataset is found with its rows, nothing is found in a sound one, and memory stays bounded."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from pydantic import TypeAdapter

from tui.data.detect import Reading
from tui.data.duplicates import NearlySeen, Seen
from tui.data.lint import Finding, Lint, lint
from tui.data.records import Record
from tui.data.scripts import script
from tui.session.sections.data import DataSection

AUTO = DataSection()
PAIR = Reading("columns", ("q", "a"))
MESSAGES = Reading("messages", ("m",))
WORDS = [
    f"{first}{last}" for first in ("ka", "lo", "mi", "nu", "pe", "ra", "so") for last in ("dan", "ril", "tem", "vos", "wix")
]
Row = dict[str, Any]


def prose(seed: int, words: int = 30) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def sound(rows: int = 40) -> list[Row]:
    return [{"q": f"{prose(at)}?", "a": f"{prose(1000 + at)}."} for at in range(rows)]


def records(rows: Sequence[Row | None]) -> list[Record]:
    return [Record(at, f"f.jsonl, line {at}", row, "" if row else "it is no JSON") for at, row in enumerate(rows, 1)]


def talk(*pairs: tuple[str, str]) -> Row:
    return {"m": [{"role": role, "content": content} for role, content in pairs]}


def sound_talks(rows: int = 10) -> list[Row]:
    return [talk(("user", row["q"]), ("assistant", row["a"])) for row in sound(rows)]


def only(rows: Sequence[Row | None], reading: Reading = PAIR, data: DataSection = AUTO, **more: Any) -> Finding:
    """The one thing that is found."""
    found = lint(records(rows), reading, data, **more).findings
    assert len(found) == 1, found
    return found[0]


def test_nothing_is_found_in_a_sound_dataset() -> None:
    told = lint(records(sound()), PAIR, AUTO)
    assert (told.findings, told.rows, told.usable, told.done, told.blocking) == ((), 40, 40, True, False)


@pytest.mark.parametrize(
    ("kind", "row", "detail"),
    [
        ("control-characters", {"q": prose(1), "a": f"\x1b[2J {prose(2)}"}, r"'\x1b[2J"),
        ("control-characters", {"q": prose(1), "a": f"{prose(2)} \u202e é"}, r"'\u202e'"),
        ("damaged-characters", {"q": prose(1), "a": f"{prose(2)} cafÃ©"}, "'Ã©' in "),
        ("damaged-characters", {"q": prose(1), "a": f"{prose(2)} \ufffd"}, "'\ufffd' in "),
        ("short-answers", {"q": prose(1), "a": "y"}, "the answer is 'y'"),
        ("mixed-languages", {"q": prose(1), "a": "это ответ на другом языке"}, "asked in Latin, answered in Cyrillic"),
        ("unusable-rows", {"q": prose(1), "a": ""}, "column 'a' is empty: there is nothing to learn"),
        ("unusable-rows", {"q": "", "a": prose(1)}, "there is no question"),
        ("unreadable-rows", None, "it is no JSON"),
    ],
)
def test_one_bad_row_is_found_with_its_place(kind: str, row: Row | None, detail: str) -> None:
    found = only([*sound(20), row, *sound(40)[20:]])
    assert (found.kind, found.count) == (kind, 1)
    assert [(place.number, place.place) for place in found.places] == [(21, "f.jsonl, line 21")]
    assert found.places[0].detail.startswith(detail)
    assert found.title and found.advice


@pytest.mark.parametrize(
    ("kind", "row", "detail"),
    [
        ("ends-with-user", talk(("user", "x"), ("assistant", "long enough"), ("user", "y")), "turn 3 is the last"),
        (
            "assistant-first",
            talk(("assistant", "hello"), ("user", "x"), ("assistant", "long enough")),
            "assistant speaks first",
        ),
        (
            "same-role",
            talk(("user", "x"), ("user", "y"), ("assistant", "long enough")),
            "turns 1 and 2 are both of the user",
        ),
        ("late-system", talk(("user", "x"), ("system", "s"), ("assistant", "long enough")), "turn 2 is a system prompt"),
        ("empty-turns", talk(("user", " "), ("assistant", "long enough")), "turn 1 (user) is empty"),
        ("unusable-rows", talk(("user", "x"), ("elf", "y"), ("orc", "z")), "turn 2 has the unknown role 'elf'"),
    ],
)
def test_an_odd_conversation_is_found_with_its_turn(kind: str, row: Row, detail: str) -> None:
    found = only([*sound_talks(), row], MESSAGES)
    assert (found.kind, found.count, found.places[0].number) == (kind, 1, 11)
    assert found.places[0].detail.startswith(detail)


def test_answers_of_several_tools_are_no_oddity() -> None:
    call = {"name": "f", "arguments": {}}
    calls = {"role": "assistant", "content": "", "tool_calls": [call, call]}
    told = [
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "assistant", "content": "long enough"},
    ]
    assert not lint(records([{"m": [{"role": "user", "content": "x"}, calls, *told]}]), MESSAGES, AUTO).findings


def test_rows_that_cannot_be_used_are_grouped_by_reason_and_block() -> None:
    bad = [
        talk(("user", "x"), ("elf", "y"), ("orc", "z")),
        talk(("user", "x"), ("user", "x"), ("elf", "y"), ("orc", "z")),
        talk(),
    ]
    told = lint(records([*sound_talks(), *bad]), MESSAGES, AUTO)
    assert [(found.count, found.title) for found in told.findings] == [
        (2, "Rows that cannot be used: a turn has the unknown role 'elf': say in data.roles what it means"),
        (1, "Rows that cannot be used: there is no list of turns"),
    ]
    assert told.blocking and told.usable == 10
    assert told.findings[0].mend == {"data.skip_bad_rows": True}
    assert not lint(records([*sound_talks(), *bad]), MESSAGES, DataSection(skip_bad_rows=True)).blocking


def test_a_mend_that_is_known_for_a_row_is_passed_on() -> None:
    found = only([*sound_talks(), talk(("Ann", "x"), ("Bob", "y"))], MESSAGES)
    assert found.mend == {"data.roles": {"Ann": "user", "Bob": "assistant"}}


def test_nothing_usable_blocks_even_when_bad_rows_are_skipped() -> None:
    told = lint(records([{"x": 1}] * 3), PAIR, DataSection(skip_bad_rows=True))
    assert told.blocking and told.findings[0].kind == "nothing-usable"


def test_a_thousand_bad_rows_keep_a_hundred_places() -> None:
    found = only([*sound(), *[None] * 1000])
    assert (found.count, len(found.places)) == (1000, 100)


def test_exact_duplicates_are_found_through_case_and_spacing() -> None:
    rows = sound()
    again = {"q": rows[6]["q"].upper(), "a": "  " + rows[6]["a"].replace(" ", "\n", 3)}
    found = only([*rows, again])
    assert (found.kind, found.count, found.places[0].detail) == ("duplicates", 1, "it says the same as row 7")


@pytest.mark.parametrize("letters", ["latin", "han"])
def test_near_duplicates_are_found_in_any_script(letters: str) -> None:
    rows = sound() if letters == "latin" else [{"q": han(at), "a": han(1000 + at)} for at in range(40)]
    again = {"q": rows[6]["q"], "a": rows[6]["a"][:-1] + ("," if letters == "latin" else "。")}
    found = only([*rows, again])
    assert (found.kind, found.count, found.places[0].number) == ("near-duplicates", 1, 41)
    assert found.places[0].detail == "it says nearly the same as row 7"


def han(seed: int) -> str:
    return "".join(chr(0x4E00 + random.Random(seed * 1000 + at).randrange(3000)) for at in range(60))


def test_held_out_rows_among_the_training_rows_are_found() -> None:
    held_out = records(sound(50)[38:])
    found = only(sound(40), held_out=held_out)
    assert (found.kind, found.count) == ("leaked", 2)
    assert [(place.number, place.detail) for place in found.places] == [
        (39, "it is held-out example 1"),
        (40, "it is held-out example 2"),
    ]


def test_an_answer_given_again_and_again_is_found() -> None:
    rows = [row | ({"a": "I do not know that."} if at % 3 == 0 else {}) for at, row in enumerate(sound(60))]
    found = only(rows)
    assert (found.kind, found.count) == ("repeated-answer", 20)
    assert "'I do not know that.'" in found.title


def test_labels_and_translations_are_no_oddity() -> None:
    labels = [row | {"a": "positive" if at % 2 else "negative"} for at, row in enumerate(sound())]
    letters = [row | {"a": "ABCD"[at % 4]} for at, row in enumerate(sound())]
    translated = [row | {"a": han(at)} for at, row in enumerate(sound())]
    for rows in (labels, letters, translated):
        assert not lint(records(rows), PAIR, AUTO).findings


def test_figures_are_told() -> None:
    rows = [talk(("system", "s"), ("user", "ab"), ("assistant", "defg")), talk(*[("user", "x"), ("assistant", "yes!")] * 10)]
    told = lint(records([*rows, {"m": None, "n": 3}]), MESSAGES, AUTO)
    assert (told.rows, told.usable, told.answer_characters) == (3, 2, 44)
    assert (told.turns, told.roles) == ({3: 1, 32: 1}, {"user": 11, "assistant": 11, "system": 1})
    assert told.scripts == {"Latin": 2}
    assert [(seen.name, seen.types) for seen in told.columns] == [("m", {"list": 2, "nothing": 1}), ("n", {"number": 1})]


def test_text_and_tokens_are_looked_through_too() -> None:
    texts = [{"t": prose(at)} for at in range(5)]
    assert [found.kind for found in lint(records([*texts, texts[0]]), Reading("text", ("t",)), AUTO).findings] == [
        "duplicates"
    ]
    tokens = [{"i": [1, 2, at]} for at in range(5)]
    assert [found.kind for found in lint(records([*tokens, tokens[0]]), Reading("tokens", ("i",)), AUTO).findings] == [
        "duplicates"
    ]


def test_progress_is_reported_and_a_cancel_is_obeyed() -> None:
    reported: list[Lint] = []
    told = lint(records(sound(200)), PAIR, AUTO, report=reported.append, every_s=0)
    assert [each.rows for each in reported] == [32, 64, 96, 128, 160, 192, 200]
    assert [each.done for each in reported[-2:]] == [False, True] and reported[-1] == told
    stopped = lint(records(sound(200)), PAIR, AUTO, cancelled=lambda: True)
    assert (stopped.rows, stopped.done) == (32, False)


def test_what_is_found_travels_as_json() -> None:
    told = lint(records([*sound(), None, {"q": "x", "a": "\x1b"}]), PAIR, AUTO)
    adapter = TypeAdapter(Lint)
    assert adapter.validate_json(adapter.dump_json(told)) == told and told.findings


def test_what_the_data_says_cannot_move_the_cursor_or_fill_the_screen() -> None:
    evil = "\x1b[2J\r\n" + "x" * 5000
    rows: list[Row] = [{"q": prose(1), "a": evil}, *[{"q": prose(at), "a": evil[:30]} for at in range(30)], {evil: 1}]
    rows += [talk(("user", "x"), (evil, "y"))]
    for reading in (PAIR, MESSAGES):
        for found in lint(records(rows), reading, AUTO).findings:
            for text in (found.title, *(place.detail for place in found.places)):
                assert text.isprintable() and len(text) < 300


def test_the_table_of_hashes_forgets_nothing_when_it_grows() -> None:
    seen, plain = Seen(), dict[int, int]()
    chance = random.Random(3)
    for row in range(1, 20_001):
        hashed = chance.choice([chance.getrandbits(64), chance.randrange(3000), -chance.randrange(50)])
        assert seen.first(hashed, row) == plain.get(hashed & (1 << 64) - 1 or 1, 0)
        plain.setdefault(hashed & (1 << 64) - 1 or 1, row)
    assert len(seen) == len(plain)


def test_texts_with_little_in_common_are_not_nearly_the_same() -> None:
    nearly = NearlySeen()
    texts = [prose(at, 60).encode().split() for at in range(200)]
    halves = [text[:30] + other[30:] for text, other in pairwise(texts)]
    found = [pair for at, text in enumerate([*texts, *halves], 1) for pair in nearly.add(at, text)]
    assert [*found, *nearly.flush()] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi!", "Latin"),
        ("été", "Latin"),
        ("42 + 3", ""),
        ("", ""),
        ("привет", "Cyrillic"),
        ("你好", "Han"),
        ("日本語です", "Japanese"),
        ("안녕", "Korean"),
        ("שלום", "Hebrew"),
        ("« Γειά »", "Greek"),
    ],
)
def test_scripts_are_told_apart(text: str, expected: str) -> None:
    assert script(text) == expected
