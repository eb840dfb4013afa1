"""``[evaluation]``: how well it learns, measured on what it is not trained on."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from tui.session.fields import option
from tui.session.sections.base import Section
from tui.session.sections.data import SPLIT


class EvaluationSection(Section):
    source: str | None = option(
        None,
        "Held-out data",
        "A file with examples that are not trained on, or a hub dataset, to measure with; leave out for none.",
        main=True,
    )
    split: str = option(
        "train",
        "Held-out split",
        "The part of the held-out data that is measured on, with a slice where wanted: test, validation[:200].",
        like="a name with an optional slice, like test[:200]",
        pattern=SPLIT,
    )
    fraction: float | None = option(
        None,
        "Held-out share",
        "Without a file, this share of the data is held out: more measures better and trains on less; 0.05 is usual.",
        gt=0,
        lt=1,
    )
    count: int | None = option(
        None,
        "Held-out count",
        "Without a file, so many examples of the data are held out, chosen by the seed.",
        unit="examples",
        ge=1,
    )
    group_column: str | None = option(
        None,
        "Held-out groups",
        "Rows with the same value in this column are held out together, so that no author or document is on both sides.",
    )
    eval_strategy: Literal["no", "steps", "epoch"] = option(
        "epoch",
        "Evaluate",
        "When the held-out loss is measured: steps shows most of how it goes, no measures once, at the end.",
        to="SFTConfig.eval_strategy",
    )
    eval_steps: int | None = option(
        None,
        "Evaluate every",
        "Updates between two measurements of the held-out loss; fewer show more and take longer.",
        to="SFTConfig.eval_steps",
        unit="updates",
        ge=1,
    )
    per_device_eval_batch_size: int = option(
        4,
        "Batch per GPU",
        "Held-out examples computed at once: larger is faster and takes more memory.",
        to="SFTConfig.per_device_eval_batch_size",
        unit="examples",
        ge=1,
    )
    metric_for_best_model: str = option(
        "eval_loss",
        "Best by",
        "The measured value by which a checkpoint is the best and a stop is early; eval_loss is always there.",
        to="SFTConfig.metric_for_best_model",
        like="eval_loss",
        pattern=r"^eval_\w+$",
    )
    load_best_model_at_end: bool = option(
        False,
        "Keep the best",
        "On: the result is the best checkpoint, not the last; needs a checkpoint at every evaluation.",
        to="SFTConfig.load_best_model_at_end",
    )
    early_stopping_patience: int | None = option(
        None,
        "Stop early after",
        "End when so many evaluations in a row are no better; fewer stop sooner; leave out to train to the end.",
        to="EarlyStoppingCallback.early_stopping_patience",
        unit="evaluations",
        ge=1,
    )
    early_stopping_threshold: float = option(
        0.0,
        "Better by at least",
        "How much better an evaluation must be to count for the early stop; larger stops sooner.",
        to="EarlyStoppingCallback.early_stopping_threshold",
        ge=0,
    )
    sample_prompts: tuple[str, ...] = option(
        (),
        "Sample prompts",
        'Asked every few updates, to see it learn; with commas between, and quotes around what has one: "a, b".',
        to="apply_chat_template.messages",
    )
    sample_steps: int = option(
        50,
        "Sample every",
        "Updates between two answers to the sample prompts; fewer show more and take longer.",
        unit="updates",
        ge=1,
    )
    compare_prompts: int = option(
        24,
        "Prompts compared",
        "How many held-out prompts base and tuned model both answer when the training ends; 0 for none, more takes longer.",
        unit="prompts",
        ge=0,
        le=1000,
    )
    compare_max_new_tokens: int = option(
        64,
        "Longest compared answer",
        "Where an answer is cut in that comparison and in samples; longer answers take longer.",
        to="generate.max_new_tokens",
        unit="tokens",
        ge=1,
        le=8192,
    )
    answer_pattern: str | None = option(
        None,
        "Answer form",
        "A regular expression that a well-formed answer matches as a whole; the comparison counts how many do.",
    )

    @model_validator(mode="before")
    @classmethod
    def _steps_mean_by_steps(cls, table: Any) -> Any:
        """A number of updates between evaluations says that they go by updates."""
        if isinstance(table, dict) and table.get("eval_steps") is not None:
            return {"eval_strategy": "steps"} | table
        return table

    @property
    def held_out(self) -> bool:
        """Whether there is anything to measure on."""
        return bool(self.source or self.fraction or self.count)
