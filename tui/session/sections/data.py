"""``[data]``: what is learned from."""

from __future__ import annotations

from typing import Literal

from tui.session.fields import option
from tui.session.sections.base import Section

FORMATS = Literal["auto", "messages", "sharegpt", "alpaca", "prompt-completion", "text"]


class DataSection(Section):
    source: str = option(
        "",
        "Training data",
        "A file on this machine: .jsonl, .json, .csv, .tsv, .parquet or .txt.",
        main=True,
    )
    format: FORMATS = option(
        "auto",
        "Format",
        "How the rows are read; auto looks at a sample of them and says what it found.",
    )
    chat_template: str | None = option(
        None,
        "Chat template",
        "One of Unsloth's templates by name (chatml, llama-3.1 ...); leave out for the model's own.",
        to="unsloth.chat_templates.get_chat_template.chat_template",
    )
    train_on_responses_only: bool = option(
        True,
        "Answers only",
        "On: only what the assistant says is learned. Off: the questions too.",
        to="unsloth.chat_templates.train_on_responses_only",
        main=True,
    )
