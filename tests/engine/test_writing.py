"""A conversation without a chat template is written as the texts were that the model was trained on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui.data.records import DataError
from tui.engine.writing import Writer
from tui.session.sections.data import DataSection

ASKED = {"role": "user", "content": "How many?"}
ALPACA = "### Instruction:\n{instruction}\n[[\n### Input:\n{input}\n]]\n### Response:\n{output}"


def writer(text: str | None = None, template: str | None = None, **data: Any) -> Writer:
    refusing = lambda *_, **__: (_ for _ in ()).throw(ValueError("roles must\nalternate"))  # noqa: E731
    tokenizer = SimpleNamespace(eos_token="</s>", bos_token=None, chat_template=template, apply_chat_template=refusing)
    return Writer(tokenizer, DataSection(source="train.jsonl", text=text, **data))


def test_a_question_stands_where_the_questions_of_the_training_stood() -> None:
    assert writer(ALPACA).text([ASKED]) == "### Instruction:\nHow many?\n\n### Response:\n"


def test_earlier_turns_stand_before_it_each_with_its_end_token() -> None:
    talk = [ASKED, {"role": "assistant", "content": "Two."}, {"role": "user", "content": "Of what?"}]
    assert writer("Q: {q} A: {a}").text(talk) == "Q: How many? A: Two.</s>\n\nQ: Of what? A: "
    assert writer("Q: {q} A: {a}", add_end_token=False).text(talk) == "Q: How many? A: Two.\n\nQ: Of what? A: "


def test_a_system_prompt_goes_to_its_column_or_else_before_the_text() -> None:
    talk = [{"role": "system", "content": "Be brief."}, ASKED]
    assert writer("{system}|{q}|{a}").text(talk) == "Be brief.|How many?|"
    assert writer("{q}|{a}").text(talk) == "Be brief.\n\nHow many?|"


def test_an_answer_that_has_begun_is_gone_on_with() -> None:
    talk = [ASKED, {"role": "assistant", "content": "Two, "}]
    assert writer("Q: {q} A: {a}").text(talk) == "Q: How many? A: Two, "


def test_an_empty_answer_that_has_begun_is_one_that_is_yet_to_come() -> None:
    assert writer("Q: {q} A: {a}").text([ASKED, {"role": "assistant", "content": ""}]) == "Q: How many? A: "


@pytest.mark.parametrize("text", [None, "{text}"])
def test_a_model_that_was_trained_on_plain_texts_goes_on_with_what_is_said(text: str | None) -> None:
    assert writer(text).text([{"role": "system", "content": "Once"}, {"role": "user", "content": "upon"}]) == "Once\nupon"


def test_braces_in_a_question_are_no_template() -> None:
    assert writer("Q: {q} A: {a}").text([{"role": "user", "content": "{a} [[x]]"}]) == "Q: {a} [[x]] A: "


@pytest.mark.parametrize(("row", "written"), [({"text": "Once upon a time"}, "Once"), ({"q": "How?", "a": "So."}, None)])
def test_what_has_learned_from_texts_is_told_texts_although_its_tokenizer_has_a_template(
    row: dict[str, str], written: str | None, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    told = Writer(writer(template="{{ x }}").tokenizer, DataSection(source=str(tmp_path / "rows.jsonl")))
    assert told.has_template is (written is None)
    if written:
        assert told.text([{"role": "user", "content": "Once"}]) == written and told.turn_end is None


def test_the_prompt_template_of_the_mapping_goes_before_the_chat_template() -> None:
    assert writer("Q: {q} A: {a}", template="{{ x }}").text([ASKED]) == "Q: How many? A: "


def test_a_template_that_refuses_a_conversation_is_quoted_in_one_line() -> None:
    with pytest.raises(DataError, match="cannot write this conversation: roles must alternate"):
        writer(template="{{ x }}").text([ASKED, ASKED])
