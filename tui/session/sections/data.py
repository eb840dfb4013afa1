"""``[data]``: what is learned from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tui.session.fields import option
from tui.session.sections.base import Section

SPLIT = r"^[\w.\-]*(\[-?\d*%?:-?\d*%?\])?$"
JINJA = (".jinja", ".jinja2", ".j2", ".txt")
"""How a file with a chat template is called."""
Format = Literal["auto", "messages", "sharegpt", "alpaca", "prompt-completion", "columns", "text", "tokens"]
Role = Literal["system", "user", "assistant", "tool"]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


class DataSection(Section):
    source: str = option(
        "",
        "Training data",
        "A file (.jsonl .json .csv .tsv .parquet .arrow .txt, also .gz or .zst), a folder, or a dataset on the hub.",
        main=True,
    )
    more_sources: tuple[str, ...] = option(
        (),
        "More data",
        "Further files, folders or hub datasets, learned together with the first.",
    )
    mix_weights: tuple[Positive, ...] = option(
        (),
        "Mix by weight",
        "One number for each source: its share of the examples; the mix is as large as it can be without repeating any.",
    )
    mix_counts: tuple[Count, ...] = option(
        (),
        "Mix by count",
        "One number for each source: so many of its examples, chosen by the seed.",
        unit="examples",
    )
    subset: str | None = option(
        None,
        "Subset",
        "The configuration of a hub dataset that has several; leave out for its default.",
    )
    split: str = option(
        "train",
        "Split",
        "The part that is learned, with a slice where wanted: train, train[:1000], train[10%:20%].",
        like="a name with an optional slice, like train[:1000]",
        pattern=SPLIT,
    )
    revision: str | None = option(
        None,
        "Revision",
        "Branch, tag or commit of a hub dataset; leave out for the newest.",
    )
    streaming: bool = option(
        False,
        "Streaming",
        "On: of a hub dataset only the rows that the split names are read over the network, instead of whole files.",
    )
    format: Format = option(
        "auto",
        "Format",
        "How the rows are read; auto looks at a sample of them and says what it found.",
    )
    column: str | None = option(
        None,
        "Column",
        "The column with the conversation, the text or the token ids; leave out to have it found.",
    )
    system: str | None = option(
        None,
        "System prompt",
        "A fixed text, or a template over columns: {name} is a column's text, [[...]] vanishes where its columns are empty.",
    )
    user: str | None = option(
        None,
        "User says",
        "A template over columns for the question, like {instruction}[[\\n\\n{input}]]; for the format columns.",
    )
    assistant: str | None = option(
        None,
        "Assistant says",
        "A template over columns for the answer, like {output}; for the format columns.",
    )
    text: str | None = option(
        None,
        "Prompt template",
        "A template over columns for the whole text, written as it stands instead of with a chat template.",
    )
    roles: dict[str, Role] = option(
        {},
        "Roles",
        "What roles of the data mean, like narrator = assistant; the usual names are known.",
    )
    system_prompts: Literal["keep", "drop"] = option(
        "keep",
        "System prompts",
        "Whether system prompts in the data are kept; dropped, only the one given here is used.",
    )
    merge_turns: bool = option(
        False,
        "Merge turns",
        "On: turns of one role in a row become one turn; some templates want the roles to alternate.",
    )
    tools_column: str | None = option(
        None,
        "Tools column",
        "The column with the tools that the assistant may call; leave out to have it found.",
    )
    chat_template: str | None = option(
        None,
        "Chat template",
        "One of Unsloth's by name (chatml, llama-3.1 ...) or a Jinja file; leave out for the model's own.",
        to="unsloth.chat_templates.get_chat_template.chat_template",
    )
    add_end_token: bool = option(
        True,
        "End token",
        "On: a text that does not end with the model's end token gets it, so that the model learns to stop.",
    )
    train_on_responses_only: bool = option(
        True,
        "Answers only",
        "On: only what the assistant says is learned. Off: the questions too.",
        to="unsloth.chat_templates.train_on_responses_only",
        main=True,
    )
    instruction_part: str | None = option(
        None,
        "Question marker",
        "The text before each question, when answers only are learned; leave out to have it found in the chat template.",
    )
    response_part: str | None = option(
        None,
        "Answer marker",
        "The text before each answer, like ### Response:; leave out to have it found in the chat template.",
    )
    overlong: Literal["truncate", "drop", "split"] = option(
        "truncate",
        "Too long",
        "What happens to an example that is longer than the row: its end is cut off, it is left out, or it is split up.",
    )
    skip_bad_rows: bool = option(
        False,
        "Skip bad rows",
        "On: rows that cannot be read or used are left out. Off: the run does not start before they are mended.",
    )

    @property
    def sources(self) -> tuple[str, ...]:
        """Every source that is named."""
        return tuple(source for source in (self.source, *self.more_sources) if source)
