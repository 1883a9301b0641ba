"""The Restate server of one machine: found or fetched, started as a child, told where the chat service is."""
