"""The App Home, and the prompts that a direct message offers."""

from __future__ import annotations

import logging

from bots.common import commands
from bots.common.errors import OutcomeUnknownError, PermanentError, TransientError
from bots.slack import formatting
from bots.slack.client import SlackApiCallError, SlackClient

log = logging.getLogger(__name__)

PROMPTS = [
    {"title": "What can you do?", "message": "What can you do for me, and what can you not?"},
    {"title": "Explain something", "message": "Explain to me in simple words: "},
    {"title": "Help me write", "message": "Help me write a short, friendly message about "},
]


async def fill_tab(slack: SlackClient, person: str, channel: str, tab: str) -> None:
    """Somebody opened the app: say what it is, or offer prompts. Lossy: the next opening shows it."""
    try:
        if tab == "home":
            view = {"type": "home", "blocks": [formatting.markdown(commands.HELP)]}
            await slack(slack.web.views_publish, user_id=person, view=view)
        else:
            # With agent_view a thread_ts here makes it fail silently.
            await slack(slack.web.assistant_threads_setSuggestedPrompts, channel_id=channel, prompts=PROMPTS)
    except (PermanentError, SlackApiCallError, OutcomeUnknownError, TransientError) as error:
        log.warning("the app's %s tab was not filled: %s", tab, error)
