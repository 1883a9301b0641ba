"""The browser: an HTTP API with server-sent events, and the page on it."""
