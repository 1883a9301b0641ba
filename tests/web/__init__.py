"""The web adapter: its API over real sockets, and its page in a real Chromium."""
