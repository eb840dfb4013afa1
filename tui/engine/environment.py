"""The variables that a session means, set before the libraries that read them are imported."""

from __future__ import annotations

import os

from tui.machine.llama_cpp import as_unsloth_wants, llama_cpp_folder
from tui.resources import home
from tui.run.folder import RunFolder
from tui.session.schema import Session

PROJECTS = ("WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME", "COMET_PROJECT_NAME", "CLEARML_PROJECT", "SWANLAB_PROJECT")
"""Where the reporters look for the project; Trackio alone takes it from SFTConfig."""


def set_defaults() -> None:
    """What must be known before Unsloth is imported: no call home, no files in the run folder."""
    cache = home() / "cache"
    os.environ.setdefault("UNSLOTH_DISABLE_STATISTICS", "1")
    os.environ.setdefault("UNSLOTH_COMPILE_LOCATION", str(cache / "compiled"))
    os.environ.setdefault("UNSLOTH_DECODE_CUDA_GRAPHS", "1")  # five times the tokens a second in chat, the same tokens
    os.environ.setdefault("UNSLOTH_AUTO_INSTALL", "0")  # an export must not call apt-get in somebody's name
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # else every fork of a tokenising process warns
    scratch = cache / "scratch"  # Unsloth leaves tokenizers behind in the working directory
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.chdir(scratch)


def set_environment(folder: RunFolder, session: Session) -> None:
    """Set what the environment of the user does not set already."""
    if session.training.report_to != "none":
        (folder.path / "reports").mkdir(exist_ok=True)
    for name, value in variables(folder, session).items():
        os.environ.setdefault(name, value)
    if "gguf" in session.export.kinds and (llama := llama_cpp_folder()):
        os.environ["UNSLOTH_LLAMA_CPP_PATH"] = str(as_unsloth_wants(llama))


def variables(folder: RunFolder, session: Session) -> dict[str, str]:
    """The variables of one run."""
    found = dict.fromkeys(PROJECTS, session.training.project) if session.training.project else {}
    found |= dict.fromkeys(("TENSORBOARD_LOGGING_DIR", "WANDB_DIR"), str(folder.path / "reports"))
    if session.shares_weights:
        found["UNSLOTH_FSDP2"] = "1"
        found["UNSLOTH_FSDP2_SHARDED_LOAD"] = str(int(_loads_in_parts(session)))
    if session.training.custom_loss:
        # Rows as they are on a CPU, an example each: Unsloth's GPU trainer would hand over one long row without padding.
        # Label smoothing and dft need no such thing: both take their logits from a pass without labels, which has them.
        found["UNSLOTH_RETURN_LOGITS"] = "1"
    return found


def _loads_in_parts(session: Session) -> bool:
    """Whether each process reads only its part of the weights, without which a model larger than one GPU cannot be loaded.

    Unsloth can do so with 16-bit weights, and not where the adapter begins from what the whole weights say.
    """
    quantised = session.model.load_in_4bit or session.model.load_in_8bit
    plain = session.lora.init_lora_weights in ("true", "false", "gaussian") and not session.lora.use_dora
    return not quantised and (plain or session.model.full_finetuning)
