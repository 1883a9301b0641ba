"""The systems that the project is compared with. Each runs in its own process and makes the same model call."""
