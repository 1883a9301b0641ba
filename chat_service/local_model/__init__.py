"""The embedded model: a small real one, so that the first answer needs no account."""

LABEL = "Qwen2.5 0.5B"
"""How the embedded model is called, wherever a person reads its name."""
