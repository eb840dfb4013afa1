"""Rules about losses, packing and optimisers."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.problem import Problem, advice
from tui.session.schema import Session


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with what is minimised, and with how rows are put together."""
    training = session.training
    if training.custom_loss and training.loss_type == "dft":
        yield Problem("training.loss_type", "dft cannot go with a loss of one's own", mend={"training.loss_type": "nll"})
    if training.label_smoothing_factor and (training.custom_loss or training.loss_type == "dft"):
        text = "label smoothing belongs to the usual loss and does nothing with another"
        yield advice("training.label_smoothing_factor", text, {"training.label_smoothing_factor": 0.0})
    if training.label_smoothing_factor > 0.3:
        text = "more than 0.3 keeps the model from being sure of anything"
        yield advice("training.label_smoothing_factor", text, {"training.label_smoothing_factor": 0.1})
    if training.neftune_noise_alpha and training.neftune_noise_alpha > 15:
        text = "more than 15 drowns the text in noise; 5 is usual"
        yield advice("training.neftune_noise_alpha", text, {"training.neftune_noise_alpha": 5.0})
    if training.weight_decay > 0.3:
        text = "more than 0.3 forgets faster than it learns"
        yield advice("training.weight_decay", text, {"training.weight_decay": 0.01})
    if training.optim == "sgd" and training.learning_rate < 1e-3:
        text = "sgd takes much larger rates than AdamW; at this one nothing may be learned"
        yield advice("training.optim", text, {"training.optim": "adamw_8bit"})
    yield from _rows(session, facts)
    if facts.gpus == 0:
        yield from _on_processor(session)
    if training.loss_type == "dft":
        yield from _kept_by(session)


def _kept_by(session: Session) -> Iterator[Problem]:
    """dft weighs each token by its probability: the figure of a model that learns can rise."""
    evaluation, training = session.evaluation, session.training
    for key, on in (
        ("evaluation.load_best_model_at_end", evaluation.load_best_model_at_end),
        ("evaluation.early_stopping_patience", evaluation.early_stopping_patience),
        ("training.save_strategy", training.save_strategy == "best"),
    ):
        if on:
            text = "goes by the held-out loss, and that of dft says little of how well the model answers; nll does"
            yield advice(key, text, {"training.loss_type": "nll"})


def _on_processor(session: Session) -> Iterator[Problem]:
    """What Unsloth replaces where it trains without a GPU; the 8-bit AdamW by one that learns the same."""
    training = session.training
    needs_gpu = any(word in training.optim for word in ("8bit", "paged", "bnb"))
    if needs_gpu and not training.optim.endswith("adamw_8bit"):
        text = f"{training.optim} needs a GPU; without one, AdamW is used"
        yield advice("training.optim", text, {"training.optim": "adamw_torch"})
    if training.padding_free:
        text = "without a GPU rows are padded: the attention of several in one could not be kept apart"
        yield advice("training.padding_free", text, {"training.padding_free": None})


def _rows(session: Session, facts: Facts) -> Iterator[Problem]:
    training = session.training
    if training.packing and facts.gpus == 0:
        text = "without a GPU examples are not packed: their attention could not be kept apart"
        yield advice("training.packing", text, {"training.packing": False})
    if training.packing and training.train_sampling_strategy == "group_by_length":
        text = "packed rows are all of one length; grouping them does nothing"
        yield advice("training.train_sampling_strategy", text, {"training.train_sampling_strategy": "random"})
    if training.packing and training.padding_free is False:
        text = "packed rows are trained without padding"
        yield Problem("training.padding_free", text, mend={"training.padding_free": None})
    if training.train_sampling_strategy == "sequential":
        text = "a sorted file is learned in its order; random learns better"
        yield advice("training.train_sampling_strategy", text, {"training.train_sampling_strategy": "random"})
    if facts.conversations and facts.has_chat_template is False and not session.data.chat_template:
        text = "the model has no chat template to write conversations with; chatml suits a base model"
        yield Problem("data.chat_template", text, mend={"data.chat_template": "chatml"})
