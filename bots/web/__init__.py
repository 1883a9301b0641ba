"""The web adapter: an HTTP API with server-sent events, and the page that uses it."""
