"""Pure rules of a conversation: no I/O, no clock, no Restate context."""
