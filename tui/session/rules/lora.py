"""Rules about the adapter."""

from __future__ import annotations

from collections.abc import Iterator

from tui.session.facts import Facts
from tui.session.outlook import EMBEDDINGS
from tui.session.problem import Problem, advice
from tui.session.schema import Session
from tui.session.sections.lora import ALL_LINEAR, LoraSection
from tui.session.sections.model import PRECISIONS

HIGH_RANK = 64
WITHOUT_ADAPTER = {f"model.{name}": name == "load_in_16bit" for name in PRECISIONS}


def rules(session: Session, facts: Facts) -> Iterator[Problem]:
    """What is wrong with [lora]; nothing of it matters where every weight is trained."""
    if session.model.full_finetuning:
        if session.lora.continue_from:
            text = "full fine-tuning has no adapter to continue from"
            yield Problem("lora.continue_from", text, mend={"lora.continue_from": None})
        return
    yield from _strength(session)
    yield from _start(session, facts)
    yield from _layers(session, facts)


def _strength(session: Session) -> Iterator[Problem]:
    lora = session.lora
    scale = lora.lora_alpha / (lora.r**0.5 if lora.use_rslora else lora.r)
    usual = {"lora.lora_alpha": float(lora.r)}
    if not lora.use_rslora and scale > 4:
        yield advice("lora.lora_alpha", "more than four times the rank often diverges", usual)
    if not lora.use_rslora and scale < 0.25:
        yield advice("lora.lora_alpha", "less than a quarter of the rank: the adapter hardly acts", usual)
    if lora.use_rslora and scale > 16:
        mend = {"lora.lora_alpha": float(round(4 * lora.r**0.5))}
        yield advice("lora.lora_alpha", f"rank-stabilised, the adapter is scaled by {scale:g}, which often diverges", mend)
    if lora.r > HIGH_RANK and not lora.use_rslora:
        text = f"ranks above {HIGH_RANK} learn more when they are rank-stabilised"
        yield advice("lora.use_rslora", text, {"lora.use_rslora": True})
    if lora.lora_dropout > 0.3:
        yield advice("lora.lora_dropout", "more than 0.3 hardly learns", {"lora.lora_dropout": 0.05})


def _start(session: Session, facts: Facts) -> Iterator[Problem]:
    lora = session.lora
    if lora.init_lora_weights == "loftq" and not session.model.load_in_16bit:
        yield Problem("lora.init_lora_weights", "loftq quantises by itself and needs the 16-bit model", mend=WITHOUT_ADAPTER)
    elif lora.init_lora_weights == "loftq" and facts.gpus == 0:
        mend = {"lora.init_lora_weights": "true", "lora.loftq_config": None}
        yield Problem("lora.init_lora_weights", "loftq quantises on a GPU, and there is none", mend=mend)
    if lora.loftq_config and lora.init_lora_weights != "loftq":
        text = "LoftQ settings do nothing unless the adapter start is loftq"
        yield advice("lora.loftq_config", text, {"lora.loftq_config": None})
    if lora.init_lora_weights == "pissa" and (session.model.load_in_4bit or session.model.load_in_8bit):
        text = "pissa takes the adapter out of the weights, which must be in 16-bit"
        yield Problem("lora.init_lora_weights", text, mend={"lora.init_lora_weights": "true"})
    if lora.init_lora_weights == "false":
        text = "a random start disturbs what the model knows; it is for tests"
        yield advice("lora.init_lora_weights", text, {"lora.init_lora_weights": "true"})


def _layers(session: Session, facts: Facts) -> Iterator[Problem]:
    lora = session.lora
    if "all-linear" in lora.target_modules and lora.target_modules != ALL_LINEAR:
        text = "all-linear stands alone: it means every linear layer"
        yield Problem("lora.target_modules", text, mend=_all_linear(lora))
    elif all(name in EMBEDDINGS for name in lora.target_modules):
        text = "no layer gets an adapter: embeddings are trained whole"
        yield Problem("lora.target_modules", text, mend=_all_linear(lora))
    elif facts.linears and lora.target_modules != ALL_LINEAR:
        unknown = [name for name in lora.target_modules if name not in facts.linears and name not in EMBEDDINGS]
        known = tuple(name for name in lora.target_modules if name not in unknown)
        if unknown:
            text = f"the model has no layer {', '.join(unknown)}; it has {', '.join(sorted(facts.linears))}"
            # fused models have other names for the usual layers, and Unsloth finds these by itself
            blocking = all(name in EMBEDDINGS for name in known)
            yield Problem(
                "lora.target_modules", text, blocking, _all_linear(lora) if blocking else {"lora.target_modules": known}
            )
    whole = [name for name in lora.modules_to_save if name not in EMBEDDINGS and "norm" not in name]
    if whole:
        text = f"Unsloth trains embed_tokens, lm_head and norms whole, not {', '.join(whole)}"
        kept = tuple(name for name in lora.modules_to_save if name not in whole)
        yield Problem("lora.modules_to_save", text, mend={"lora.modules_to_save": kept})


def _all_linear(lora: LoraSection) -> dict[str, object]:
    """Every linear layer, and whole those embeddings that were chosen among the layers."""
    whole = (*lora.modules_to_save, *(name for name in lora.target_modules if name in EMBEDDINGS))
    return {"lora.target_modules": ALL_LINEAR, "lora.modules_to_save": tuple(dict.fromkeys(whole))}
