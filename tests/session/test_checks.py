"""What makes no sense in a session is said before anything is loaded, with what would mend it."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings

from tests.session.strategies import SPECS, Table, facts, few_changes, tables
from tui.session import file
from tui.session.checks import check
from tui.session.facts import Facts
from tui.session.file import from_table
from tui.session.problem import Problem
from tui.session.rules import data, evaluation, export, guards, handover, lora, losses, model, steps
from tui.session.schema import Session
from tui.session.sections.lora import PROJECTIONS

RULES = (data, model, lora, steps, losses, evaluation, guards, export, handover)

SOUND: Table = {"model": {"name": "owner/model"}, "data": {"source": "train.jsonl"}}
NOTHING_KNOWN = Facts()
WITHOUT_GPU, OLD_CARD, NEW_CARD = Facts(gpus=0), Facts(gpus=1, bfloat16=False), Facts(gpus=1, bfloat16=True)
LLAMA = Facts(linears=dict.fromkeys((*PROJECTIONS, "embed_tokens"), ((8, 8),)))
FUSED = Facts(linears=dict.fromkeys(("qkv_proj", "embed_tokens"), ((8, 8),)))
BASE_MODEL = Facts(conversations=True, has_chat_template=False)


def sections(**told: Any) -> Table:
    """Nested tables, with a double line for the point: ``training__seed`` is ``training.seed``."""
    table: Table = {}
    for key, value in told.items():
        section, _, name = key.partition("__")
        table.setdefault(section, {})[name] = value
    return table


def session_of(told: Table) -> Session:
    """A session in which nothing is wrong but what is told."""
    return from_table({name: SOUND.get(name, {}) | told.get(name, {}) for name in SOUND.keys() | told.keys()})


@dataclass(frozen=True)
class Case:
    """One thing that is wrong, and the nearest that is not."""

    key: str
    blocking: bool
    wrong: Table
    right: Table
    facts: Facts = NOTHING_KNOWN
    right_facts: Facts | None = None
    """Where it depends on the world: the one in which it is right."""


def blocked(key: str, wrong: Table, right: Table, known: Facts = NOTHING_KNOWN, else_known: Facts | None = None) -> Case:
    return Case(key, True, wrong, right, known, else_known)


def advised(key: str, wrong: Table, right: Table, known: Facts = NOTHING_KNOWN, else_known: Facts | None = None) -> Case:
    return Case(key, False, wrong, right, known, else_known)


T = sections
FULL = {"model__full_finetuning": True, "training__learning_rate": 2e-5}
ALL_LEARNED = {"data__train_on_responses_only": False}
HELD_OUT = {"evaluation__source": "held.jsonl"}
SLOWLY = {
    "training__max_steps": 6,
    "training__gradient_accumulation_steps": 1,
    "training__per_device_train_batch_size": 1,
}
ALONE = T(evaluation__fraction=0.5, **SLOWLY)
KEEP_BEST = HELD_OUT | {"evaluation__load_best_model_at_end": True}

CASES = [
    # data
    blocked("data.source", T(data__source=""), T()),
    blocked("data.chat_template", T(), T(data__chat_template="chatml"), BASE_MODEL),
    blocked(
        "data.mix_weights",
        T(data__mix_weights=[1], data__more_sources=["b"]),
        T(data__mix_weights=[1, 2], data__more_sources=["b"]),
    ),
    blocked("data.mix_counts", T(data__mix_counts=[1, 2]), T(data__mix_counts=[1])),
    blocked("data.mix_weights", T(data__mix_weights=[1], data__mix_counts=[1]), T(data__mix_weights=[1])),
    advised("data.text", T(data__text="{a}"), T(data__text="{a}", data__train_on_responses_only=False)),
    blocked("data.text", T(data__text="{a}", data__assistant="{b}", **ALL_LEARNED), T(data__text="{a}", **ALL_LEARNED)),
    advised(
        "data.system_prompts",
        T(data__text="{a}", data__system_prompts="drop", **ALL_LEARNED),
        T(data__text="{a}", **ALL_LEARNED),
    ),
    blocked("data.response_part", T(data__instruction_part="Q"), T(data__instruction_part="Q", data__response_part="A")),
    blocked("data.instruction_part", T(data__response_part="A"), T(data__instruction_part="Q", data__response_part="A")),
    advised(
        "data.response_part",
        T(data__instruction_part="Q", data__response_part="A", data__train_on_responses_only=False),
        T(data__train_on_responses_only=False),
    ),
    blocked("evaluation.count", T(evaluation__count=2, evaluation__fraction=0.1), T(evaluation__count=2)),
    blocked("evaluation.count", T(evaluation__count=2, **SLOWLY), T(evaluation__count=1, **SLOWLY), Facts(examples=2)),
    advised("evaluation.count", T(**HELD_OUT, evaluation__count=2), T(**HELD_OUT)),
    advised(
        "evaluation.group_column", T(evaluation__group_column="a"), T(evaluation__group_column="a", evaluation__count=2)
    ),
    blocked("data.chat_template", T(), T(), BASE_MODEL, Facts(conversations=True, has_chat_template=True)),
    blocked("data.chat_template", T(), T(), BASE_MODEL, Facts(conversations=False, has_chat_template=False)),
    # model
    blocked("model.name", T(model__name=""), T()),
    advised("model.max_seq_length", T(model__max_seq_length=513), T(model__max_seq_length=512), Facts(context_length=512)),
    advised("model.max_seq_length", T(), T(model__rope_scaling={"rope_type": "linear"}), Facts(context_length=2047)),
    blocked(
        "model.rope_scaling", T(model__rope_scaling={"factor": 2}), T(model__rope_scaling={"rope_type": "yarn", "factor": 2})
    ),
    blocked(
        "lora.init_lora_weights",
        T(lora__init_lora_weights="loftq", model__load_in_16bit=True),
        T(lora__init_lora_weights="loftq", model__load_in_16bit=True),
        WITHOUT_GPU,
        NEW_CARD,
    ),
    advised("model.trust_remote_code", T(model__trust_remote_code=True), T()),
    blocked("model.load_in_8bit", T(model__load_in_4bit=True, model__load_in_8bit=True), T(model__load_in_8bit=True)),
    blocked("model.load_in_16bit", T(model__load_in_8bit=True, model__load_in_16bit=True), T(model__load_in_16bit=True)),
    blocked("model.full_finetuning", T(model__load_in_4bit=True, **FULL), T(model__load_in_4bit=False, **FULL)),
    advised("model.load_in_8bit", T(model__load_in_8bit=True), T(model__load_in_8bit=True), WITHOUT_GPU, NEW_CARD),
    # number formats
    blocked("training.fp16", T(training__bf16=True, training__fp16=True), T(training__bf16=True, training__fp16=False)),
    blocked(
        "training.fp16", T(training__fp16=True, model__dtype="bfloat16"), T(training__fp16=True, model__dtype="float16")
    ),
    blocked(
        "training.bf16", T(training__bf16=True, model__dtype="float16"), T(training__bf16=True, model__dtype="bfloat16")
    ),
    blocked("training.fp16", T(training__fp16=True), T(training__fp16=True), NEW_CARD, OLD_CARD),
    advised("model.dtype", T(model__dtype="float16"), T(model__dtype="float32"), NEW_CARD),
    blocked("training.bf16", T(training__bf16=True), T(training__bf16=True), OLD_CARD, NEW_CARD),
    blocked(
        "training.lr_scheduler_kwargs",
        T(
            training__lr_scheduler_type="cosine_with_min_lr",
            training__lr_scheduler_kwargs={"min_lr": 1e-6, "min_lr_rate": 0.1},
        ),
        T(training__lr_scheduler_type="cosine_with_min_lr", training__lr_scheduler_kwargs={"min_lr_rate": 0.1}),
    ),
    blocked(
        "training.lr_scheduler_kwargs",
        T(training__lr_scheduler_kwargs={"num_cycles": 2}),
        T(training__lr_scheduler_type="cosine", training__lr_scheduler_kwargs={"num_cycles": 2}),
    ),
    blocked(
        "evaluation.fraction",
        ALONE,
        ALONE,
        Facts(examples=1),
        NOTHING_KNOWN,
    ),
    advised("model.dtype", T(model__dtype="bfloat16"), T(model__dtype="bfloat16"), OLD_CARD, WITHOUT_GPU),
    # adapter
    blocked("lora.continue_from", T(lora__continue_from="old", **FULL), T(lora__continue_from="old")),
    advised("lora.lora_alpha", T(lora__r=8, lora__lora_alpha=33), T(lora__r=8, lora__lora_alpha=32)),
    advised("lora.lora_alpha", T(lora__r=16, lora__lora_alpha=3.9), T(lora__r=16, lora__lora_alpha=4)),
    advised("lora.lora_alpha", T(lora__use_rslora=True, lora__lora_alpha=65), T(lora__use_rslora=True, lora__lora_alpha=64)),
    advised("lora.lora_alpha", T(lora__use_rslora=True, lora__r=1024, lora__lora_alpha=1024), T(lora__use_rslora=True)),
    advised("lora.use_rslora", T(lora__r=65, lora__lora_alpha=65), T(lora__r=64, lora__lora_alpha=64)),
    advised("lora.use_rslora", T(lora__r=65, lora__lora_alpha=65), T(lora__r=65, lora__use_rslora=True)),
    advised("lora.lora_dropout", T(lora__lora_dropout=0.31), T(lora__lora_dropout=0.3)),
    blocked(
        "lora.init_lora_weights",
        T(lora__init_lora_weights="loftq"),
        T(lora__init_lora_weights="loftq", model__load_in_16bit=True),
    ),
    advised(
        "lora.loftq_config",
        T(lora__loftq_config={"loftq_bits": 4}),
        T(lora__loftq_config={"loftq_bits": 4}, lora__init_lora_weights="loftq", model__load_in_16bit=True),
    ),
    *(
        blocked(
            "lora.init_lora_weights",
            T(lora__init_lora_weights="pissa", **{f"model__load_in_{bits}bit": True}),
            T(lora__init_lora_weights="pissa", model__load_in_16bit=True),
        )
        for bits in (4, 8)
    ),
    advised("lora.init_lora_weights", T(lora__init_lora_weights="false"), T(lora__init_lora_weights="gaussian")),
    blocked("lora.target_modules", T(lora__target_modules=["all-linear", "q_proj"]), T(lora__target_modules=["all-linear"])),
    blocked("lora.target_modules", T(lora__target_modules=["lm_head"]), T(lora__target_modules=["lm_head", "q_proj"])),
    advised("lora.target_modules", T(lora__target_modules=["q_proj", "c_attn"]), T(lora__target_modules=["q_proj"]), LLAMA),
    advised(
        "lora.target_modules", T(lora__target_modules=["q_proj", "x"]), T(lora__target_modules=["q_proj", "lm_head"]), LLAMA
    ),
    blocked("lora.target_modules", T(), T(lora__target_modules=["qkv_proj"]), FUSED),
    blocked("lora.target_modules", T(), T(lora__target_modules=["all-linear"]), FUSED),
    blocked("lora.target_modules", T(lora__target_modules=["q_proj", "embed_tokens"]), T(), FUSED, LLAMA),
    blocked("lora.target_modules", T(lora__target_modules=["embed_tokens"]), T(), FUSED, LLAMA),
    blocked("lora.modules_to_save", T(lora__modules_to_save=["lm_head", "o_proj"]), T(lora__modules_to_save=["lm_head"])),
    blocked("lora.modules_to_save", T(lora__modules_to_save=["o_proj"]), T(lora__modules_to_save=["input_layernorm"])),
    # lengths
    advised(
        "training.num_train_epochs",
        T(training__max_steps=60, training__num_train_epochs=2),
        T(training__max_steps=60, training__num_train_epochs=1),
    ),
    advised("training.num_train_epochs", T(training__num_train_epochs=5.1), T(training__num_train_epochs=5)),
    advised(
        "training.num_train_epochs",
        T(training__num_train_epochs=6),
        T(training__num_train_epochs=6),
        Facts(examples=101),
        Facts(examples=100),
    ),
    advised(
        "training.gradient_accumulation_steps",
        T(training__warmup_steps=0),
        T(training__warmup_steps=0),
        Facts(examples=7),
        Facts(examples=8),
    ),
    advised(
        "training.gradient_accumulation_steps",
        T(training__per_device_train_batch_size=65, training__gradient_accumulation_steps=1, training__warmup_steps=0),
        T(training__per_device_train_batch_size=64, training__gradient_accumulation_steps=1, training__warmup_steps=0),
        Facts(examples=64),
    ),
    advised(
        "training.save_steps",
        T(training__save_strategy="steps", training__max_steps=99),
        T(training__save_strategy="steps", training__max_steps=100),
    ),
    advised(
        "evaluation.eval_steps",
        T(evaluation__eval_steps=61, training__max_steps=60, **HELD_OUT),
        T(evaluation__eval_steps=60, training__max_steps=60, **HELD_OUT),
    ),
    advised(
        "training.save_steps",
        T(training__max_steps=99, training__save_strategy="steps", evaluation__eval_steps=20, **KEEP_BEST),
        T(training__max_steps=100, training__save_strategy="steps", evaluation__eval_steps=20, **KEEP_BEST),
    ),
    advised(
        "training.logging_steps",
        T(training__logging_steps=61, training__max_steps=60),
        T(training__logging_steps=60, training__max_steps=60),
    ),
    # warm-up and schedule
    advised("training.warmup_steps", T(training__max_steps=5), T(training__max_steps=6)),
    advised("training.warmup_steps", T(), T(), Facts(examples=40), Facts(examples=41)),
    advised(
        "training.warmup_steps",
        T(training__warmup_ratio=0.1, training__warmup_steps=10),
        T(training__warmup_ratio=0.1),
    ),
    *(
        advised(
            "training.lr_scheduler_type",
            T(training__lr_scheduler_type="constant", **warm),
            T(training__lr_scheduler_type="constant_with_warmup", **warm),
        )
        for warm in ({"training__warmup_ratio": 0.1}, {"training__warmup_steps": 10})
    ),
    *(
        blocked(
            "training.lr_scheduler_kwargs",
            T(training__lr_scheduler_type=name),
            T(training__lr_scheduler_type=name, training__lr_scheduler_kwargs={setting: 1e-5}),
        )
        for name, setting in (
            ("cosine_with_min_lr", "min_lr_rate"),
            ("cosine_with_min_lr", "min_lr"),
            ("cosine_warmup_with_min_lr", "min_lr"),
            ("warmup_stable_decay", "num_decay_steps"),
        )
    ),
    *(
        blocked(
            "training.lr_scheduler_type",
            T(training__lr_scheduler_type=name, **nothing),
            T(training__lr_scheduler_type=name, **HELD_OUT),
        )
        for name in ("reduce_lr_on_plateau", "greedy")
        for nothing in ({}, HELD_OUT | {"evaluation__eval_strategy": "no"})
    ),
    # rates
    advised("training.learning_rate", T(**FULL | {"training__learning_rate": 1.1e-4}), T(**FULL)),
    advised("training.learning_rate", T(**FULL | {"training__learning_rate": 9e-9}), T(**FULL)),
    advised("training.learning_rate", T(training__learning_rate=2.1e-3), T(training__learning_rate=2e-3)),
    advised("training.learning_rate", T(training__learning_rate=9e-7), T(training__learning_rate=1e-6)),
    blocked(
        "training.embedding_learning_rate",
        T(training__embedding_learning_rate=5e-5),
        T(training__embedding_learning_rate=5e-5, lora__modules_to_save=["embed_tokens"]),
    ),
    blocked(
        "training.embedding_learning_rate",
        T(training__embedding_learning_rate=5e-5),
        T(training__embedding_learning_rate=5e-5, lora__target_modules=[*PROJECTIONS, "lm_head"]),
    ),
    advised(
        "training.embedding_learning_rate",
        T(training__embedding_learning_rate=2.1e-4, lora__modules_to_save=["lm_head"]),
        T(training__embedding_learning_rate=2e-4, lora__modules_to_save=["lm_head"]),
    ),
    # losses and optimisers
    blocked(
        "training.loss_type",
        T(training__loss_type="dft", training__custom_loss="a.py:f"),
        T(training__loss_type="nll", training__custom_loss="a.py:f"),
    ),
    advised(
        "training.label_smoothing_factor",
        T(training__label_smoothing_factor=0.1, training__loss_type="dft"),
        T(training__label_smoothing_factor=0.1),
    ),
    advised(
        "training.label_smoothing_factor",
        T(training__label_smoothing_factor=0.1, training__custom_loss="a.py:f"),
        T(training__custom_loss="a.py:f"),
    ),
    advised(
        "training.label_smoothing_factor", T(training__label_smoothing_factor=0.31), T(training__label_smoothing_factor=0.3)
    ),
    advised("training.neftune_noise_alpha", T(training__neftune_noise_alpha=15.1), T(training__neftune_noise_alpha=15)),
    advised("training.weight_decay", T(training__weight_decay=0.31), T(training__weight_decay=0.3)),
    advised("training.optim", T(training__optim="sgd"), T(training__optim="sgd", training__learning_rate=1e-3)),
    *(
        advised("training.optim", T(training__optim=name), T(training__optim=name), WITHOUT_GPU, NEW_CARD)
        for name in ("lion_8bit", "paged_adamw_32bit", "rmsprop_bnb", "ademamix_8bit")
    ),
    advised(
        "evaluation.load_best_model_at_end",
        T(training__loss_type="dft", training__save_strategy="epoch", evaluation__eval_strategy="epoch", **KEEP_BEST),
        T(training__save_strategy="epoch", evaluation__eval_strategy="epoch", **KEEP_BEST),
    ),
    # rows
    advised("training.padding_free", T(training__padding_free=True), T(training__padding_free=True), WITHOUT_GPU, NEW_CARD),
    advised("training.packing", T(training__packing=True), T(training__packing=True), WITHOUT_GPU, NEW_CARD),
    advised(
        "training.train_sampling_strategy",
        T(training__packing=True, training__train_sampling_strategy="group_by_length"),
        T(training__packing=False, training__train_sampling_strategy="group_by_length"),
    ),
    blocked(
        "training.padding_free",
        T(training__packing=True, training__padding_free=False),
        T(training__packing=True, training__padding_free=True),
    ),
    advised(
        "training.train_sampling_strategy",
        T(training__train_sampling_strategy="sequential"),
        T(training__train_sampling_strategy="random"),
    ),
    # evaluation
    advised("evaluation.fraction", T(evaluation__fraction=0.1, **HELD_OUT), T(**HELD_OUT)),
    *(
        blocked("evaluation.answer_pattern", T(evaluation__answer_pattern=pattern), T(evaluation__answer_pattern=r"\$ \S.*"))
        for pattern in ("(", "a{99999999999999}", "(" * 5000)
    ),
    *(
        blocked(key, T(**wanted), T(**wanted, **held_out))
        for held_out in (HELD_OUT, {"evaluation__fraction": 0.1})
        for key, wanted in (
            ("evaluation.eval_steps", {"evaluation__eval_steps": 5}),
            (
                "evaluation.load_best_model_at_end",
                {"evaluation__load_best_model_at_end": True, "training__save_strategy": "epoch"},
            ),
            ("evaluation.early_stopping_patience", {"evaluation__early_stopping_patience": 3}),
            ("training.save_strategy", {"training__save_strategy": "best"}),
        )
    ),
    blocked(
        "evaluation.eval_steps",
        T(evaluation__eval_strategy="steps", **HELD_OUT),
        T(evaluation__eval_strategy="steps", evaluation__eval_steps=1, **HELD_OUT),
    ),
    advised(
        "evaluation.eval_steps",
        T(evaluation__eval_strategy="epoch", evaluation__eval_steps=5, **HELD_OUT),
        T(evaluation__eval_steps=5, **HELD_OUT),
    ),
    *(
        blocked(key, T(evaluation__eval_strategy="no", **wanted, **HELD_OUT), T(**wanted, **HELD_OUT))
        for key, wanted in (
            ("evaluation.early_stopping_patience", {"evaluation__early_stopping_patience": 3}),
            ("training.save_strategy", {"training__save_strategy": "best"}),
        )
    ),
    # the best checkpoint
    blocked(
        "evaluation.metric_for_best_model",
        T(evaluation__metric_for_best_model="eval_bleu", training__save_strategy="best", **KEEP_BEST),
        T(evaluation__metric_for_best_model="eval_loss", training__save_strategy="best", **KEEP_BEST),
    ),
    blocked(
        "evaluation.load_best_model_at_end",
        T(evaluation__eval_strategy="no", training__save_strategy="epoch", **KEEP_BEST),
        T(evaluation__eval_strategy="epoch", training__save_strategy="epoch", **KEEP_BEST),
    ),
    blocked("evaluation.load_best_model_at_end", T(**KEEP_BEST), T(training__save_strategy="best", **KEEP_BEST)),
    blocked(
        "evaluation.load_best_model_at_end",
        T(evaluation__eval_steps=30, training__save_strategy="epoch", **KEEP_BEST),
        T(evaluation__eval_steps=30, training__save_strategy="steps", training__save_steps=60, **KEEP_BEST),
    ),
    blocked(
        "training.save_steps",
        T(evaluation__eval_steps=30, training__save_strategy="steps", training__save_steps=100, **KEEP_BEST),
        T(evaluation__eval_steps=50, training__save_strategy="steps", training__save_steps=100, **KEEP_BEST),
    ),
    # export
    blocked("export.kinds", T(export__kinds=["gguf"]), T(export__kinds=["gguf"]), WITHOUT_GPU, NEW_CARD),
    blocked(
        "export.kinds",
        T(export__kinds=["merged-16bit"]),
        T(export__kinds=["merged-16bit"], model__load_in_16bit=True),
        WITHOUT_GPU,
    ),
    *(
        blocked(
            "export.quantization_method",
            T(export__kinds=kinds, export__quantization_method=["q8_0", "q9"]),
            T(export__kinds=["gguf"], export__quantization_method=["q8_0"]),
        )
        for kinds in (["gguf"], [])
    ),
    blocked(
        "export.quantization_method",
        T(export__kinds=["gguf"], export__quantization_method=["q9"]),
        T(export__kinds=["gguf"]),
    ),
    blocked(
        "cluster.sbatch_options",
        T(cluster__sbatch_options=["exclusive", "--nice"]),
        T(cluster__sbatch_options=["--exclusive", "--nice"]),
    ),
    advised("cluster.use_spot", T(cluster__use_spot=True), T(cluster__use_spot=True, cluster__bucket="s3://mine/runs")),
    advised("guards.nan_loss", T(guards__nan_loss="off"), T(guards__nan_loss="stop")),
    advised(
        "export.quantization_method",
        T(export__quantization_method=["q8_0"]),
        T(export__quantization_method=["q8_0"], export__kinds=["gguf"]),
    ),
]
NAMED = [pytest.param(case, id=f"{case.key}-{number}") for number, case in enumerate(CASES)]


def test_a_sound_session_is_left_alone() -> None:
    assert check(session_of({})) == []


def test_what_is_missing_is_named() -> None:
    assert check(Session()) == [
        Problem("model.name", "no model is chosen"),
        Problem("data.source", "no training data is chosen"),
    ]


@pytest.mark.parametrize("case", NAMED)
def test_each_contradiction_is_said_once_at_its_key(case: Case) -> None:
    (problem,) = check(session_of(case.wrong), case.facts)
    assert (problem.key, problem.blocking) == (case.key, case.blocking)
    assert str(problem) == f"{case.key}: {problem.text}"


@pytest.mark.parametrize("case", NAMED)
def test_the_nearest_that_makes_sense_is_not_complained_about(case: Case) -> None:
    assert check(session_of(case.right), case.right_facts or case.facts) == []


@pytest.mark.parametrize("case", NAMED)
def test_what_is_offered_mends_it_and_breaks_nothing_else(case: Case) -> None:
    session = session_of(case.wrong)
    (problem,) = check(session, case.facts)
    if not problem.mend:
        assert case.key in ("model.name", "data.source"), "what else could only a person tell?"
        return
    left = check(file.replace_values(session, problem.mend), case.facts)
    assert (problem.key, problem.text) not in [(other.key, other.text) for other in left]
    assert [str(other) for other in left if other.blocking] == []


def test_no_rule_is_without_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule that no case shows could complain about anything, or never."""
    said: set[tuple[str, int]] = set()

    def heard(module: ModuleType, make: Callable[..., Problem]) -> Callable[..., Problem]:
        def listen(*args: Any, **named: Any) -> Problem:
            said.add((module.__name__, sys._getframe(1).f_lineno))
            return make(*args, **named)

        return listen

    written = []
    for module in RULES:
        for name in ("Problem", "advice"):
            monkeypatch.setattr(module, name, heard(module, getattr(module, name)))
        calls = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Call)]
        written += [
            (module.__name__, range(call.lineno, (call.end_lineno or 0) + 1))
            for call in calls
            if isinstance(call.func, ast.Name) and call.func.id in ("Problem", "advice")
        ]
    for case in CASES:
        check(session_of(case.wrong), case.facts)
    assert len(written) > 50
    silent = [(name, lines[0]) for name, lines in written if not any((name, line) in said for line in lines)]
    assert silent == []


# whatever the session, whatever is known


@settings(max_examples=150)
@given(few_changes(), facts())
def test_no_session_is_too_strange_to_be_checked(table: Table, known: Facts) -> None:
    sane(from_table(table), known)


@given(tables(), facts())
def test_no_session_with_every_value_changed_is_too_strange_either(table: Table, known: Facts) -> None:
    sane(from_table(table), known)


def sane(session: Session, known: Facts) -> None:
    """Nothing is said twice, the worst is said first, and following all advice that is needed leads out."""
    problems = check(session, known)
    told = [(problem.key, problem.text) for problem in problems]
    assert len(told) == len(set(told))
    assert [problem.blocking for problem in problems] == sorted((p.blocking for p in problems), reverse=True)
    for problem in problems:
        assert {problem.key, *problem.mend} <= SPECS.keys()
        assert problem.text
        file.replace_values(session, problem.mend)
    for _ in range(20):
        mends = [problem.mend for problem in check(session, known) if problem.blocking and problem.mend]
        if not mends:
            return
        session = file.replace_values(session, {key: value for mend in mends for key, value in mend.items()})
    raise AssertionError(f"goes in circles: {mends}")


@pytest.mark.parametrize("wish", ["eval_steps", "load_best_model_at_end", "early_stopping_patience"])
def test_of_a_single_example_nothing_is_held_out_whatever_would_need_it(wish: str) -> None:
    """One rule held out a share, and another took it back."""
    sane(session_of({"evaluation": {wish: 1 if wish != "load_best_model_at_end" else True}}), Facts(examples=1))


def test_held_out_data_is_read_like_the_training_data() -> None:
    told = T(
        data__source="owner/talks", data__subset="de", data__revision="v1", data__more_sources=["b"],
        data__system="Be kind.",
        evaluation__source="owner/talks", evaluation__split="test[:9]",
    )  # fmt: skip
    same = session_of(told).held_out_data
    assert same is not None
    assert (same.split, same.subset, same.revision, same.system, same.sources) == (
        "test[:9]", "de", "v1", "Be kind.", ("owner/talks",),
    )  # fmt: skip
    other = session_of(told | {"evaluation": {"source": "other.jsonl"}}).held_out_data
    assert other is not None
    assert (other.split, other.subset, other.revision) == ("train", None, None)
