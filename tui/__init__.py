"""Fine-tune language models with Unsloth from a terminal."""
