"""What the bots share, by itself."""
