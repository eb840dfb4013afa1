"""What proves that each field of a session reaches the call it is meant for; `reach.py` tries the values given here."""

from __future__ import annotations

from typing import Any

HELD_OUT = {"evaluation": {"fraction": 0.1}}
BY_STEPS: dict[str, dict[str, Any]] = {"evaluation": {"fraction": 0.1, "eval_strategy": "steps"}}

CONFIG: dict[str, tuple[Any, dict[str, dict[str, Any]]]] = {
    "training.per_device_train_batch_size": (3, {}),
    "training.gradient_accumulation_steps": (5, {}),
    "training.num_train_epochs": (2.5, {}),
    "training.max_steps": (9, {}),
    "training.learning_rate": (3e-4, {}),
    "training.embedding_learning_rate": (3e-5, {}),
    "training.warmup_steps": (7, {}),
    "training.warmup_ratio": (0.25, {}),
    "training.lr_scheduler_type": ("cosine", {}),
    "training.lr_scheduler_kwargs": ({"num_cycles": 2}, {"training": {"lr_scheduler_type": "cosine_with_restarts"}}),
    "training.optim": ("sgd", {}),
    "training.weight_decay": (0.02, {}),
    "training.adam_beta1": (0.8, {}),
    "training.adam_beta2": (0.95, {}),
    "training.adam_epsilon": (1e-6, {}),
    "training.max_grad_norm": (0.5, {}),
    "training.neftune_noise_alpha": (4.0, {}),
    "training.label_smoothing_factor": (0.1, {}),
    "training.loss_type": ("dft", {}),
    "training.packing": (True, {}),
    "training.padding_free": (True, {}),
    "training.train_sampling_strategy": ("group_by_length", {}),
    "training.dataset_num_proc": (3, {}),
    "training.dataloader_num_workers": (1, {}),
    "training.bf16": (False, {}),
    "training.fp16": (True, {}),
    "training.torch_compile": (True, {}),
    "training.seed": (11, {}),
    "training.data_seed": (12, {}),
    "training.logging_steps": (3, {}),
    "training.save_strategy": ("epoch", {}),
    "training.save_steps": (7, {}),
    "training.save_total_limit": (5, {}),
    "training.report_to": ("tensorboard", {}),
    "training.project": ("mine", {}),
    "evaluation.eval_strategy": ("steps", HELD_OUT | {"evaluation": {"fraction": 0.1, "eval_steps": 4}}),
    "evaluation.eval_steps": (4, BY_STEPS),
    "evaluation.per_device_eval_batch_size": (3, HELD_OUT),
    "evaluation.metric_for_best_model": ("eval_mean_token_accuracy", HELD_OUT),
    "evaluation.load_best_model_at_end": (True, HELD_OUT | {"training": {"save_strategy": "epoch"}}),
    "run.name": ("mine", {}),
}
"""What SFTConfig or UnslothTrainingArguments is given: a value that is not the default, and what must go with it."""

CHANGED_ON_A_CPU = {"training.packing": False, "training.padding_free": False, "training.fp16": False}
"""What Unsloth's CPU backend makes of them: it has neither the attention nor the arithmetic."""

LOADING: dict[str, Any] = {
    "model.name": None,
    "model.revision": "main",
    "model.max_seq_length": 128,
    "model.load_in_4bit": True,
    "model.load_in_8bit": True,
    "model.load_in_16bit": True,
    "model.full_finetuning": True,
    "model.dtype": "float32",
    "model.rope_scaling": {"rope_type": "linear", "factor": 2.0},
    "model.attn_implementation": "eager",
    "model.trust_remote_code": True,
}
"""What FastLanguageModel.from_pretrained is given."""

SEEN_ONLY = ("model.revision", "model.load_in_8bit", "model.trust_remote_code")
"""Of these, what can only be seen to arrive: a folder has no revision and no code, and a CPU no 8-bit weights."""

ADAPTER: dict[str, Any] = {
    "lora.r": 4,
    "lora.lora_alpha": 12.5,
    "lora.target_modules": ("q_proj", "down_proj"),
    "lora.lora_dropout": 0.25,
    "lora.bias": "lora_only",
    "lora.modules_to_save": ("embed_tokens",),
    "lora.use_rslora": True,
    "lora.use_dora": True,
    "lora.init_lora_weights": "gaussian",
    "lora.loftq_config": {"loftq_bits": 4, "loftq_iter": 2},
    "lora.use_gradient_checkpointing": "false",
    "lora.random_state": 5,
}
"""What FastLanguageModel.get_peft_model is given, and PEFT's LoraConfig has in the end."""

NAMED: dict[str, str] = {
    "model.device": "engine/test_environment.py::test_the_engine_sees_the_devices_of_its_session",
    "data.source": "engine/test_tokenising.py::test_the_model_gets_what_the_plain_recipe_gives_it",
    "data.more_sources": "data/readers/test_places.py::test_sources_without_weights_follow_one_another",
    "data.mix_weights": "data/readers/test_places.py::test_weights_take_as_many_rows_as_there_are_without_repeating_any",
    "data.mix_counts": "data/readers/test_places.py::test_counts_take_that_many_rows_chosen_by_the_seed",
    "data.subset": "data/readers/test_hub_data.py::test_the_card_says_which_files_belong_to_a_subset_and_a_split",
    "data.split": "data/readers/test_places.py::test_a_slice_is_the_one_that_datasets_takes",
    "data.revision": "data/readers/test_hub_data.py::test_a_revision_that_is_asked_for_is_the_one_that_is_read",
    "data.streaming": "data/readers/test_hub_data.py::test_of_a_large_file_that_is_streamed_only_the_beginning_is_fetched",
    "data.format": "engine/test_reach.py::test_the_rows_are_read_as_they_are_said_to_be",
    "data.column": "data/converting/test_detecting.py::test_what_the_session_says_goes_before_what_the_rows_look_like",
    "data.system": "data/converting/test_to_example.py::test_the_own_system_prompt_fills_in_or_replaces",
    "data.user": "data/converting/test_templates.py::test_templates_say_what_each_side_says",
    "data.assistant": "data/converting/test_templates.py::test_templates_say_what_each_side_says",
    "data.text": "data/converting/test_templates.py::test_a_prompt_template_writes_the_whole_text",
    "data.roles": "data/converting/test_to_example.py::test_a_role_means_what_the_session_says",
    "data.system_prompts": "data/converting/test_to_example.py::test_the_own_system_prompt_fills_in_or_replaces",
    "data.merge_turns": "data/converting/test_to_example.py::test_turns_of_one_role_are_merged_only_when_asked",
    "data.tools_column": "data/converting/test_tools_and_reasoning.py::test_tools_come_from_the_column_that_is_named",
    "data.chat_template": "engine/test_reach.py::test_the_chat_template_is_the_one_that_was_named",
    "data.add_end_token": "engine/test_tokenising_cache.py::test_other_settings_are_tokenised_anew",
    "data.train_on_responses_only": "engine/test_tokenising.py::test_just_what_the_assistant_says_is_learned",
    "data.instruction_part": "engine/test_tokenising.py::test_the_model_gets_what_the_plain_recipe_gives_it",
    "data.response_part": "engine/test_tokenising.py::test_the_model_gets_what_the_plain_recipe_gives_it",
    "data.overlong": "engine/test_tokenising_cache.py::test_what_is_too_long_goes_as_the_session_says",
    "data.skip_bad_rows": "engine/test_tokenising_cache.py::test_bad_rows_are_skipped_and_counted_where_that_was_asked_for",
    "lora.continue_from": "engine/test_options.py::test_a_continued_run_begins_where_the_earlier_one_ended",
    "training.custom_loss": "engine/test_reach.py::test_an_own_loss_is_what_is_minimised",
    "evaluation.source": "engine/test_whole_run.py::test_held_out_loss_is_measured_as_often_as_asked",
    "evaluation.fraction": "engine/test_options.py::test_what_is_compared_was_never_trained_on",
    "evaluation.split": "session/test_checks.py::test_held_out_data_is_read_like_the_training_data",
    "evaluation.count": "engine/test_tokenising_cache.py::test_as_many_are_held_out_as_were_asked_for",
    "evaluation.group_column": "engine/test_tokenising_cache.py::test_no_group_is_on_both_sides",
    "evaluation.early_stopping_patience": "engine/test_options.py::test_a_run_that_gets_no_better_ends_early",
    "evaluation.early_stopping_threshold": "engine/test_reach.py::test_the_early_stop_is_told_how_patient_to_be",
    "evaluation.sample_prompts": "engine/test_options.py::test_one_sees_it_learn",
    "evaluation.sample_steps": "engine/test_options.py::test_one_sees_it_learn",
    "evaluation.compare_prompts": "engine/test_whole_run.py::test_both_models_answer_the_first_held_out_prompts",
    "evaluation.compare_max_new_tokens": "engine/test_options.py::test_answers_are_cut_where_asked",
    "evaluation.answer_pattern": "test_console.py::test_the_comparison_counts_exactly_what_was_answered",
    "export.kinds": "engine/test_options.py::test_the_merged_model_says_what_the_adapter_says",
    "export.quantization_method": "engine/test_exporting.py::test_of_a_gguf_export_the_gguf_files_are_kept",
    "chat.system_prompt": "run/test_watcher.py::test_a_chat_carries_the_settings_of_the_session",
    "chat.temperature": "engine/test_reach.py::test_an_answer_is_chosen_as_the_session_says",
    "chat.top_p": "engine/test_reach.py::test_an_answer_is_chosen_as_the_session_says",
    "chat.min_p": "engine/test_reach.py::test_an_answer_is_chosen_as_the_session_says",
    "chat.max_new_tokens": "engine/test_reach.py::test_an_answer_is_chosen_as_the_session_says",
    "chat.keep_loaded_minutes": "engine/test_inputs.py::test_a_model_is_kept_loaded_for_as_long_as_was_asked",
    "run.notes": "session/test_file.py::test_no_value_of_any_field_is_lost_or_changed_by_saving",
    "run.tags": "session/test_file.py::test_no_value_of_any_field_is_lost_or_changed_by_saving",
    "run.notify": "engine/test_options.py::test_a_program_is_told_how_it_ended",
}
"""The test, below ``tests/``, that would fail if the field did nothing."""
