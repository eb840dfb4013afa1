"""Thinking is told from the answer, code can be taken out of it, and what two answers differ in is marked word by word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.run.said import Said, code_blocks, difference, said


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", Said("", "plain")),
        ("", Said("", "")),
        ("<thi", Said("", "", True)),
        ("<think>so", Said("so", "", True)),
        ("<think>so</think>\n\nyes", Said("so", "yes")),
        ("opened by the template</think>yes", Said("opened by the template", "yes")),
        ("a < b <think> later", Said("", "a < b <think> later")),
    ],
)
def test_what_was_thought_is_no_part_of_the_answer(text: str, parts: Said) -> None:
    assert said(text) == parts


def test_every_block_of_code_is_found_without_its_fence() -> None:
    text = "a\n```python\nprint(1)\n```\nb\n~~~\nx\n~~~\n```sh\nnever closed"
    assert code_blocks(text) == ["print(1)", "x", "never closed"]


def test_only_the_words_that_differ_are_marked() -> None:
    found = difference("$ wc -l notes.txt", "$ wc -c notes.txt")
    assert [text for text, differs in found.left if differs] == ["l"]
    assert [text for text, differs in found.right if differs] == ["c"]
    assert found.words == 2


def test_answers_with_little_in_common_are_not_marked_all_over() -> None:
    found = difference("one two three", "completely other words here")
    assert not found.compared and found.left == (("one two three", False),)


@given(st.text(), st.text())
def test_nothing_is_lost_by_marking(left: str, right: str) -> None:
    found = difference(left, right)
    assert "".join(text for text, _ in found.left) == left
    assert "".join(text for text, _ in found.right) == right
