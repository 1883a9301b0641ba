"""One turn of a conversation, from its question to its reply."""
