"""What is said once to a conversation in which somebody wrote while nobody was there, too long ago to be answered."""

from __future__ import annotations

from datetime import timedelta

from restate import ObjectContext

from bots.common import commands
from bots.common.dependencies import IntakeDependencies, best_effort
from chat_service.contracts import Contract, HistoryRequest
from chat_service.objects.chat import get_history
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

PAUSE = timedelta(seconds=2)
MOST = 300
"""Looks for a conversation that is quiet: ten minutes. Then it is said all the same."""


class OfflineNotice(StateRecord):
    """The catch-up run in which the conversation was last told that nobody was there."""

    run: str = ""


class OfflineNoticeRequest(Contract):
    """The run that is told of, and how often it was looked for a quiet moment."""

    run: str
    looks: int = 0


async def is_news(ctx: ObjectContext, run: str) -> bool:
    """Whether a run has yet to be told of; asked again, it has not: once per conversation and run, however many old
    messages there are."""
    before = await ctx.get("away", type_hint=OfflineNotice) or OfflineNotice()
    if before.run == run:
        return False
    set_record(ctx, "away", OfflineNotice(run=run))
    return True


async def tell_when_quiet(
    ctx: ObjectContext, it: IntakeDependencies, telling: OfflineNoticeRequest
) -> OfflineNoticeRequest | None:
    """Say it, or give what is to be tried after a pause: whoever still waits for an answer would take it for theirs,
    and ask once more."""
    page = await ctx.object_call(get_history, ctx.key(), HistoryRequest(limit=1))
    if (page.running or page.waiting) and telling.looks < MOST:
        return OfflineNoticeRequest(run=telling.run, looks=telling.looks + 1)
    text = commands.was_away(it.settings.catchup_max_age / 3600)
    await best_effort(ctx, "say", lambda: it.ears.post_notice(ctx.key(), f"away-{telling.run}", text))
    return None
