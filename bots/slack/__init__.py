"""The Slack bot: reads events from Slack, and writes replies to it."""
