"""The Modelfile for Ollama: with the trained template and its stop texts, or with none rather than a wrong one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import Environment

from tui.engine.export.modelfile import Irregular, stop_texts, turns_of, write_modelfile
from tui.session import file

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are small.<|im_end|>\n' }}{% endif %}" + CHATML
)
LLAMA = (
    "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'"
    " + m['content'] + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
LAST_DIFFERS = CHATML.replace("m['content']", "(m['content'] if not loop.last else m['content'] + ' /think')")
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}" + CHATML


class Tokenizer:
    """As much of a tokenizer as a template needs, with a real template engine."""

    eos_token = "<|im_end|>"
    bos_token_id, added_tokens_decoder = 1, {}
    all_special_tokens = ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|eot_id|>")

    def __init__(self, template: str | None, bos: str = "") -> None:
        self.chat_template, self.bos_token = template, bos

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": [self.bos_token_id, 7] if self.bos_token else [7]}

    def apply_chat_template(self, messages: list[dict[str, str]], tokenize: bool, add_generation_prompt: bool) -> str:
        def refuse(text: str) -> None:
            raise ValueError(text)

        template = Environment().from_string(self.chat_template or "")
        told: dict[str, Any] = {"bos_token": self.bos_token, "raise_exception": refuse}
        return template.render(messages=messages, add_generation_prompt=add_generation_prompt, **told)


def written(place: Path, tokenizer: Tokenizer) -> tuple[str, list[str]]:
    notes = write_modelfile(place, "run.Q8_0.gguf", tokenizer, file.from_table({"model": {"max_seq_length": 512}}))
    return (place / "Modelfile").read_text(), notes


def test_a_trained_template_is_told_in_the_words_of_ollama(tmp_path: Path) -> None:
    text, notes = written(tmp_path, Tokenizer(CHATML))
    assert text == (
        "FROM ./run.Q8_0.gguf\n"
        'TEMPLATE """{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}'
        "{{ if .Prompt }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n{{ end }}"
        '<|im_start|>assistant\n{{ .Response }}<|im_end|>\n"""\n'
        'PARAMETER stop "<|im_end|>"\nPARAMETER stop "<|im_start|>"\nPARAMETER num_ctx 512\n'
    )
    assert notes == []


@pytest.mark.parametrize("template", [CHATML, DEFAULT_SYSTEM, LLAMA])
def test_every_conversation_comes_out_as_the_template_itself_writes_it(template: str) -> None:
    tokenizer = Tokenizer(template, bos="<|begin|>" if template is LLAMA else "")
    turns = turns_of(tokenizer)
    for said in (
        [("user", "a")],
        [("system", "s"), ("user", "a")],
        [("user", "a"), ("assistant", "b"), ("user", "c")],
        [("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"), ("user", "e")],
    ):
        messages = [{"role": role, "content": text} for role, text in said]
        whole = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert "<|begin|>" + turns.render(said) == whole or turns.render(said) == whole
        assert "<|begin|>" not in turns.render(said)  # Ollama writes that one itself


def test_what_the_template_says_when_nobody_speaks_as_the_system_is_kept(tmp_path: Path) -> None:
    text, _ = written(tmp_path, Tokenizer(DEFAULT_SYSTEM))
    assert 'SYSTEM """You are small."""' in text


@pytest.mark.parametrize("template", [LAST_DIFFERS, NO_SYSTEM, CHATML.replace("\n'", " {{ .X }}'")])
def test_no_template_is_written_rather_than_a_wrong_one(tmp_path: Path, template: str) -> None:
    text, notes = written(tmp_path, Tokenizer(template))
    assert "TEMPLATE" not in text and 'PARAMETER stop "<|im_end|>"' in text
    assert len(notes) == 1 and "no template" in notes[0]


def test_a_model_without_turns_goes_on_with_what_it_is_given(tmp_path: Path) -> None:
    text, _ = written(tmp_path, Tokenizer(None))
    assert 'TEMPLATE """{{ .Prompt }}"""' in text


def test_a_stop_text_stands_in_its_quotes_as_it_is(tmp_path: Path) -> None:
    """Ollama strips the outer quotes and takes the rest literally."""
    tokenizer = Tokenizer(None)
    tokenizer.eos_token = 'end"of\\turn'
    text, _ = written(tmp_path, tokenizer)
    assert 'PARAMETER stop "end"of\\turn"\n' in text


def test_stop_texts_are_the_end_token_and_the_marks_of_turns() -> None:
    tokenizer = Tokenizer(CHATML)
    assert stop_texts(tokenizer, turns_of(tokenizer)) == ["<|im_end|>", "<|im_start|>"]
    assert stop_texts(SimpleNamespace(eos_token="</s>"), None) == ["</s>"]


def test_a_template_that_changes_what_is_said_is_not_guessed_at() -> None:
    with pytest.raises(Irregular):
        turns_of(Tokenizer(CHATML.replace("m['content']", "m['content'] | upper")))
