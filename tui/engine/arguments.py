"""What a session passes to each call of the libraries."""

from __future__ import annotations

from typing import Any

from tui.run.folder import RunFolder
from tui.session.fields import arguments
from tui.session.schema import Session
from tui.session.sections.lora import ALL_LINEAR

SWITCHES = {"unsloth": "unsloth", "true": True, "false": False}
"""What a word that may be a switch too means to a library."""


def loading_arguments(session: Session) -> dict[str, Any]:
    """For FastLanguageModel.from_pretrained, without the names of model and number format."""
    chosen = arguments(session, "FastLanguageModel.from_pretrained")
    for name in ("model_name", "dtype"):
        chosen.pop(name, None)
    if session.model.attn_implementation == "auto":
        del chosen["attn_implementation"]
    # full fine-tuning and continued adapters never see get_peft_model, which is given the same
    chosen["use_gradient_checkpointing"] = SWITCHES[session.lora.use_gradient_checkpointing]
    return chosen


def adapter_arguments(session: Session) -> dict[str, Any]:
    """For FastLanguageModel.get_peft_model."""
    lora = session.lora
    chosen = arguments(session, "FastLanguageModel.get_peft_model")
    chosen["target_modules"] = "all-linear" if lora.target_modules == ALL_LINEAR else list(lora.target_modules)
    chosen["modules_to_save"] = list(lora.modules_to_save) or None
    chosen["init_lora_weights"] = SWITCHES.get(lora.init_lora_weights, lora.init_lora_weights)
    chosen["use_gradient_checkpointing"] = SWITCHES[lora.use_gradient_checkpointing]
    chosen["loftq_config"] = lora.loftq_config
    if lora.lora_alpha.is_integer():
        chosen["lora_alpha"] = int(lora.lora_alpha)  # as every other program writes it
    return chosen | {"max_seq_length": session.model.max_seq_length}


def training_arguments(folder: RunFolder, session: Session) -> dict[str, Any]:
    """For SFTConfig: the session's own values, and what an engine needs to say something at every update."""
    chosen = arguments(session, "SFTConfig")
    if session.training.warmup_ratio is not None:
        chosen["warmup_steps"] = session.training.warmup_ratio  # one parameter: below 1 it is a share of the run
    if not session.evaluation.held_out:
        chosen["eval_strategy"] = "no"
    if chosen["eval_strategy"] != "steps":
        chosen.pop("eval_steps", None)
    if session.lora.use_gradient_checkpointing == "false":
        chosen["gradient_checkpointing"] = False  # else TRL's default switches it on again
    return chosen | {
        "run_name": session.run.name or folder.name,
        "output_dir": str(folder.checkpoints),
        "dataset_text_field": "text",
        "max_length": session.model.max_seq_length,
        "logging_nan_inf_filter": False,  # else a loss that is not a number is shown as the one before
        "disable_tqdm": True,
        "include_num_input_tokens_seen": "non_padding",
    }
