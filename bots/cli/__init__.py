"""The subcommands of `threadwell`."""
