"""The Hugging Face Hub: models by ``hf://owner/name``, brought from there and put there."""
