"""The Discord bot: translates inwards, delivers outwards, and knows nothing of models."""
