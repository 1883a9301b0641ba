"""The web server: an HTTP API with server-sent events, and the page that uses it."""
