"""What the project is measured against; every one in a process of its own, with the same model call."""
