"""``python bench/bare_script.py MODEL STEPS 0|1 DATA LENGTH``: the notebook's way to train, bare; 1 is 4-bit.

A line that begins with MARK is printed when an update is done, with that moment as time.time() tells it.
"""

import sys
import time

from unsloth import FastLanguageModel  # isort: skip
from unsloth.chat_templates import train_on_responses_only  # isort: skip

from datasets import load_dataset
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

folder, steps, four_bit, data, length = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4], int(sys.argv[5])
model, tokenizer = FastLanguageModel.from_pretrained(model_name=folder, max_seq_length=length, load_in_4bit=four_bit)
model = FastLanguageModel.get_peft_model(
    model,
    r=16,
    lora_alpha=16,
    lora_dropout=0,
    bias="none",
    random_state=3407,
    use_gradient_checkpointing="unsloth",
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
)
rows = load_dataset("json", data_files=data, split="train")
rows = rows.map(lambda row: {"text": tokenizer.apply_chat_template(row["messages"], tokenize=False)})
config = SFTConfig(
    output_dir="out",
    dataset_text_field="text",
    max_length=length,
    per_device_train_batch_size=8,
    gradient_accumulation_steps=1,
    max_steps=steps,
    learning_rate=2e-4,
    warmup_steps=5,
    logging_steps=1,
    optim="adamw_8bit",
    weight_decay=0.001,
    lr_scheduler_type="linear",
    seed=3407,
    report_to="none",
    save_strategy="no",
)
trainer = SFTTrainer(model=model, processing_class=tokenizer, train_dataset=rows, args=config)
trainer = train_on_responses_only(trainer)


class Clock(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **_):
        if "loss" in logs:
            print("\nMARK", time.time(), flush=True)


trainer.add_callback(Clock())
trainer.train()
