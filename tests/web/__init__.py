"""The web server: its API over real sockets, and its page in a real Chromium."""
