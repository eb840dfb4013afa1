"""From rows as they lie in a file to conversations as a model is trained on them."""
