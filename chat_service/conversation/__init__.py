"""One conversation: its state, its context for the model, its turns, and the objects that keep it."""
