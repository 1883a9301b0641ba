"""What the bot needs of a Slack app, and what each of it is for. `manifest.yaml` grants all of it."""

from __future__ import annotations

SCOPES = {
    "app_mentions:read": "hearing its name",
    "assistant:write": "agent sessions, status and prompts",
    "channels:history": "reading threads in public channels",
    "channels:read": "finding the channels it is in, and who may read them",
    "chat:write": "answering",
    "commands": "/history, /chat-settings and the shortcut",
    "files:read": "reading files that people attach",
    "files:write": "exports",
    "groups:history": "reading threads in private channels",
    "groups:read": "finding private channels, and who may read them",
    "im:history": "direct messages",
    "im:read": "finding direct messages after an outage",
    "im:write": "sending exports",
    "mpim:history": "group direct messages",
    "mpim:read": "finding group direct messages after an outage",
    "reactions:write": "the mark that a message has arrived",
    "usergroups:read": "names of groups",
    "users:read": "names of people, and who administers",
}
EVENTS = {
    "agent_session_stopped": "Slack's own stop button",
    "app_home_opened": "the App Home",
    "app_mention": "mentions",
    "app_uninstalled": "telling you when the app is removed",
    "message.channels": "follow-ups in public channels",
    "message.groups": "follow-ups in private channels",
    "message.im": "direct messages",
    "message.mpim": "group direct messages",
    "tokens_revoked": "telling you when the token is revoked",
}
NEEDED_BY = {
    "app_mention": "app_mentions:read",
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "agent_session_stopped": "chat:write",
}
"""The scope without which an event does not come."""
