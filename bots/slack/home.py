"""The App Home tab, and the suggested prompts of a direct message."""

from __future__ import annotations

import logging

from bots.common import texts
from bots.slack import formatting
from bots.slack.client import SLACK_ERRORS, SlackClient

log = logging.getLogger(__name__)

PROMPTS = [
    {"title": "What can you do?", "message": "What can you do for me, and what can you not?"},
    {"title": "Explain something", "message": "Explain to me in simple words: "},
    {"title": "Help me write", "message": "Help me write a short, friendly message about "},
]


async def fill_tab(slack: SlackClient, person: str, channel: str, tab: str) -> None:
    """Show the help on the App Home, or suggest prompts in the Messages tab. A failure is only logged."""
    try:
        if tab == "home":
            view = {"type": "home", "blocks": [formatting.markdown(texts.HELP_SLACK)]}
            await slack(slack.web.views_publish, user_id=person, view=view)
        else:
            # Trap: with agent_view in the manifest, a thread_ts makes this call fail silently.
            await slack(slack.web.assistant_threads_setSuggestedPrompts, channel_id=channel, prompts=PROMPTS)
    except SLACK_ERRORS as error:
        log.warning("the app's %s tab was not filled: %s", tab, error)
