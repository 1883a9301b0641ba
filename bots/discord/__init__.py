"""The Discord bot: reads events from Discord, and writes replies to it."""
