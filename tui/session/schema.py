"""The session: every value a person can choose, declared once, with the names that Unsloth, PEFT and TRL give them."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from tui.session.fields import option

PROJECTIONS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The seven linear layers of a transformer block that the Unsloth guide adapts."""

FORMATS = Literal["auto", "messages", "sharegpt", "alpaca", "prompt-completion", "text"]


class Section(BaseModel):
    """A table of the session file: immutable, and without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number_is_true(cls, value: Any, info: ValidationInfo) -> Any:
        """``true`` is no number, although Python takes it for 1; a choice that has the word takes it as one."""
        spec = cls.model_fields[info.field_name or ""]
        if not isinstance(value, bool) or spec.annotation is bool:
            return value
        if "true" in get_args(spec.annotation):
            return str(value).lower()
        raise ValueError("should be a number or a text")

    @field_validator("*")
    @classmethod
    def _fits_toml(cls, value: Any) -> Any:
        """Whole numbers of a TOML file have 64 bits; longer ones could not be written again."""
        if isinstance(value, int) and value.bit_length() > 63:
            raise ValueError("should be less than 2**63")
        return value


class ModelSection(Section):
    name: str = option(
        "",
        "Model",
        "A folder on this machine or a name on the Hugging Face hub.",
        to="FastLanguageModel.from_pretrained.model_name",
        main=True,
    )
    revision: str | None = option(
        None,
        "Revision",
        "A branch, tag or commit of the model on the hub; leave out for the newest.",
        to="FastLanguageModel.from_pretrained.revision",
    )
    max_seq_length: int = option(
        2048,
        "Longest sequence",
        "Longer texts are cut here; a larger value sees more of each text and takes more memory.",
        to="FastLanguageModel.from_pretrained.max_seq_length",
        unit="tokens",
        main=True,
        ge=8,
        le=1_048_576,
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = option(
        "auto",
        "Number format",
        "What the weights are computed in; auto takes bfloat16 where the hardware has it.",
        to="FastLanguageModel.from_pretrained.dtype",
    )
    load_in_4bit: bool = option(
        True,
        "4-bit (QLoRA)",
        "On: the frozen weights take a quarter of the memory. Off: 16-bit, faster where it fits.",
        to="FastLanguageModel.from_pretrained.load_in_4bit",
        main=True,
    )
    full_finetuning: bool = option(
        False,
        "Full fine-tuning",
        "Train every weight instead of a LoRA adapter; needs several times the memory and a smaller rate.",
        to="FastLanguageModel.from_pretrained.full_finetuning",
    )
    trust_remote_code: bool = option(
        False,
        "Trust the model's code",
        "Run Python code that comes with the model; only for models whose code you have read.",
        to="FastLanguageModel.from_pretrained.trust_remote_code",
    )


class LoraSection(Section):
    r: int = option(
        16,
        "Rank (r)",
        "Size of the adapter: a larger rank can learn more and takes more memory; 8 to 64 are usual.",
        to="FastLanguageModel.get_peft_model.r",
        main=True,
        ge=1,
        le=4096,
    )
    lora_alpha: float = option(
        16.0,
        "Alpha",
        "How strongly the adapter acts; equal to the rank or twice the rank is usual.",
        to="FastLanguageModel.get_peft_model.lora_alpha",
        main=True,
        gt=0,
    )
    lora_dropout: float = option(
        0.0,
        "Dropout",
        "Share of adapter inputs switched off at random; 0 is fastest in Unsloth, more fights over-fitting.",
        to="FastLanguageModel.get_peft_model.lora_dropout",
        ge=0,
        lt=1,
    )
    bias: Literal["none", "all", "lora_only"] = option(
        "none",
        "Bias",
        "Which bias weights are trained too; none is fastest in Unsloth.",
        to="FastLanguageModel.get_peft_model.bias",
    )
    target_modules: tuple[str, ...] = option(
        PROJECTIONS,
        "Adapted layers",
        "Which linear layers get an adapter; fewer train faster and learn less.",
        to="FastLanguageModel.get_peft_model.target_modules",
        min_length=1,
    )
    use_rslora: bool = option(
        False,
        "Rank-stabilised",
        "Scale by the square root of the rank, which helps at ranks above 64.",
        to="FastLanguageModel.get_peft_model.use_rslora",
    )
    use_gradient_checkpointing: Literal["unsloth", "true", "false"] = option(
        "unsloth",
        "Checkpointing",
        "Recompute instead of remembering: unsloth saves most memory, false is fastest where memory allows.",
        to="FastLanguageModel.get_peft_model.use_gradient_checkpointing",
    )
    random_state: int = option(
        3407,
        "Adapter seed",
        "Fixes the random start of the adapter, so that a run can be repeated.",
        to="FastLanguageModel.get_peft_model.random_state",
        ge=0,
        le=4_294_967_295,
    )


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


class TrainingSection(Section):
    per_device_train_batch_size: int = option(
        2,
        "Batch per GPU",
        "Examples computed at once: larger is faster and takes more memory.",
        to="SFTConfig.per_device_train_batch_size",
        unit="examples",
        main=True,
        ge=1,
    )
    gradient_accumulation_steps: int = option(
        4,
        "Accumulation",
        "Batches added up before one update: a larger effective batch without more memory.",
        to="SFTConfig.gradient_accumulation_steps",
        unit="batches",
        main=True,
        ge=1,
    )
    num_train_epochs: float = option(
        1.0,
        "Epochs",
        "How often the whole dataset is seen; 1 to 3 are usual, more over-fits.",
        to="SFTConfig.num_train_epochs",
        main=True,
        gt=0,
    )
    max_steps: int | None = option(
        None,
        "Steps at most",
        "End after this many updates, whatever the epochs say; leave out to go by epochs.",
        to="SFTConfig.max_steps",
        unit="updates",
        main=True,
        ge=1,
    )
    learning_rate: float = option(
        2e-4,
        "Learning rate",
        "Size of each update: too large diverges, too small learns nothing; 2e-4 suits LoRA, 2e-5 full.",
        to="SFTConfig.learning_rate",
        main=True,
        gt=0,
        le=1,
    )
    warmup_steps: int = option(
        5,
        "Warm-up",
        "Updates over which the rate rises from zero; more makes the start gentler.",
        to="SFTConfig.warmup_steps",
        unit="updates",
        ge=0,
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"] = (
        option(
            "linear",
            "Schedule",
            "How the rate falls after the warm-up: linear and cosine end at zero, constant stays.",
            to="SFTConfig.lr_scheduler_type",
        )
    )
    optim: Literal["adamw_8bit", "adamw_torch", "paged_adamw_8bit", "adafactor", "sgd"] = option(
        "adamw_8bit",
        "Optimiser",
        "adamw_8bit keeps its state in a quarter of the memory of adamw_torch.",
        to="SFTConfig.optim",
    )
    weight_decay: float = option(
        0.001,
        "Weight decay",
        "Pulls weights towards zero: more fights over-fitting, too much forgets.",
        to="SFTConfig.weight_decay",
        ge=0,
        le=1,
    )
    max_grad_norm: float = option(
        1.0,
        "Clip gradients at",
        "Larger gradients are scaled down to this norm; smaller is steadier, 0 switches it off.",
        to="SFTConfig.max_grad_norm",
        ge=0,
    )
    packing: bool = option(
        False,
        "Packing",
        "Put several short examples into one row: faster on short data, changes what one update sees.",
        to="SFTConfig.packing",
    )
    dataset_num_proc: int | None = option(
        None,
        "Tokenising processes",
        "How many processes tokenise; more is faster on large data, leave out to let Unsloth choose.",
        to="SFTConfig.dataset_num_proc",
        ge=1,
        le=256,
    )
    seed: int = option(
        3407,
        "Seed",
        "Fixes the order of the examples, so that a run can be repeated.",
        to="SFTConfig.seed",
        ge=0,
        le=4_294_967_295,
    )
    save_strategy: Literal["no", "steps", "epoch"] = option(
        "no",
        "Checkpoints",
        "When the state of the training is written, to go back to; no writes the result alone.",
        to="SFTConfig.save_strategy",
    )
    save_steps: int = option(
        100,
        "Checkpoint every",
        "Updates between two checkpoints, when they go by steps; fewer lose less and write more.",
        to="SFTConfig.save_steps",
        unit="updates",
        ge=1,
    )
    save_total_limit: int = option(
        2,
        "Checkpoints kept",
        "Older checkpoints are deleted, so that the disk does not fill.",
        to="SFTConfig.save_total_limit",
        ge=1,
    )
    report_to: Literal["none", "wandb", "tensorboard"] = option(
        "none",
        "Report to",
        "Send the curves elsewhere too; the package must be installed and logged in.",
        to="SFTConfig.report_to",
    )


class EvaluationSection(Section):
    source: str | None = option(
        None,
        "Held-out data",
        "A file with examples that are not trained on, to measure with; leave out for none.",
        main=True,
    )
    eval_steps: int | None = option(
        None,
        "Evaluate every",
        "Updates between two measurements of the held-out loss; leave out to measure at the end alone.",
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
    compare_prompts: int = option(
        24,
        "Prompts compared",
        "How many held-out prompts base and tuned model both answer when the training ends; 0 for none.",
        unit="prompts",
        ge=0,
        le=1000,
    )
    compare_max_new_tokens: int = option(
        64,
        "Longest compared answer",
        "Where an answer is cut in that comparison; longer answers take longer.",
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


class ChatSection(Section):
    system_prompt: str = option(
        "",
        "System prompt",
        "Put before each conversation; empty leaves it to the model's template.",
        to="apply_chat_template.messages",
    )
    temperature: float = option(
        0.7,
        "Temperature",
        "How freely the model chooses: 0 always takes the likeliest token, more is more varied.",
        to="generate.temperature",
        ge=0,
        le=5,
    )
    top_p: float = option(
        1.0,
        "Top p",
        "Only the likeliest tokens that together have this probability; smaller is safer.",
        to="generate.top_p",
        gt=0,
        le=1,
    )
    min_p: float = option(
        0.1,
        "Min p",
        "Only tokens at least this fraction as likely as the likeliest; larger is safer.",
        to="generate.min_p",
        ge=0,
        le=1,
    )
    max_new_tokens: int = option(
        512,
        "Longest answer",
        "Where an answer is cut.",
        to="generate.max_new_tokens",
        unit="tokens",
        ge=1,
        le=131_072,
    )
    keep_loaded_minutes: float = option(
        10.0,
        "Keep loaded",
        "How long the model stays in memory after training, to chat without loading again; 0 frees the GPU at once.",
        unit="minutes",
        ge=0,
        le=10_080,
    )


class RunSection(Section):
    name: str = option("", "Name", "A word for this run, used in the name of its folder.", max_length=60)
    notes: str = option("", "Notes", "Whatever you want to remember about it.")


class Session(Section):
    """One request: model, data, LoRA, training, evaluation and chat."""

    model: ModelSection = ModelSection()
    data: DataSection = DataSection()
    lora: LoraSection = LoraSection()
    training: TrainingSection = TrainingSection()
    evaluation: EvaluationSection = EvaluationSection()
    chat: ChatSection = ChatSection()
    run: RunSection = RunSection()

    @property
    def effective_batch(self) -> int:
        """Examples that one update of one process sees."""
        return self.training.per_device_train_batch_size * self.training.gradient_accumulation_steps
