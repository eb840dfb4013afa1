"""An answer is told in whole characters, however its tokens cut them, and ends before a stop text, however it comes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.pieces import HALF, MOST_WAITING, Characters, StopTexts

BYTES = st.text(min_size=1, max_size=30).map(lambda text: text.encode(errors="replace"))


def as_bytes(ids: list[int]) -> str:
    """A tokenizer with a token for each byte, which gives one mark for what is not whole."""
    return bytes(ids).decode(errors="replace")


def as_fallback(ids: list[int]) -> str:
    """As SentencePiece falls back to bytes: a run that is not whole has a mark for every byte, also for whole characters."""
    try:
        return bytes(ids).decode()
    except UnicodeDecodeError:
        return HALF * len(ids)


def spaced(ids: list[int]) -> str:
    """As SentencePiece writes words: with a space before each, but not before the first of a text."""
    return "".join(f" w{token}" for token in ids)[1:]


@pytest.mark.parametrize("decode", [as_bytes, as_fallback])
@given(BYTES)
def test_no_half_character_is_told_and_nothing_is_lost(decode: Callable[[list[int]], str], told: bytes) -> None:
    characters = Characters(decode)
    pieces = [characters.add(token) for token in told]
    assert not any(HALF in piece for piece in pieces) or HALF in told.decode()
    assert "".join([*pieces, characters.rest()]) == told.decode()


def test_half_a_character_at_the_end_is_told_as_what_it_is() -> None:
    characters = Characters(as_bytes)
    assert [characters.add(token) for token in "é".encode()[:1]] == [""]
    assert characters.rest() == HALF
    assert characters.rest() == ""


def test_a_model_that_says_nothing_whole_is_heard_all_the_same() -> None:
    characters = Characters(as_bytes)
    told = "".join(characters.add(0x80) for _ in range(3 * MOST_WAITING))
    assert told == HALF * 3 * MOST_WAITING


def test_spaces_between_words_stay() -> None:
    characters = Characters(spaced)
    assert "".join(characters.add(token) for token in (1, 2, 3)) == "w1 w2 w3"


def test_special_tokens_that_say_nothing_do_not_hold_up_the_rest() -> None:
    characters = Characters(lambda ids: as_bytes([token for token in ids if token < 256]))
    assert [characters.add(token) for token in (300, 301, 97, 300, 98)] == ["", "", "a", "", "b"]


def test_a_long_answer_takes_no_longer_at_its_end() -> None:
    """Each token is read with its neighbours, not with the whole answer; a line of 20,000 tokens is no exception."""
    lengths: list[int] = []

    def decode(ids: list[int]) -> str:
        lengths.append(len(ids))
        return "x" * len(ids)

    characters = Characters(decode)
    for _ in range(20_000):
        characters.add(1)
    assert max(lengths) <= 2


@given(st.text(alphabet="ab\n", max_size=30), st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3))
def test_nothing_of_a_stop_text_is_told_wherever_the_pieces_are_cut(text: str, stops: list[str]) -> None:
    cut = StopTexts(stops)
    told = "".join(cut.add(letter) for letter in text)
    told += "" if cut.found else cut.rest()
    assert text.startswith(told)
    assert not any(stop in told for stop in stops)
    assert cut.found == any(stop in text for stop in stops)
    assert cut.found or told == text


def test_what_only_begins_like_a_stop_text_is_told_as_soon_as_that_is_clear() -> None:
    cut = StopTexts(["END."])
    pieces = ("the EN", "D", " of it", " END", ".", " more")
    assert [cut.add(piece) for piece in pieces] == ["the ", "", "END of it", " ", "", ""]
    assert cut.found
