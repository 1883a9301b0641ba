"""One notice for a conversation that got messages while the bot was offline for too long to answer them."""

from __future__ import annotations

from datetime import timedelta
from types import NoneType

from restate import ObjectContext

from bots.common import texts
from bots.common.dependencies import IntakeDependencies, best_effort
from chat_service import calls, handlers
from chat_service.contracts import Contract, HistoryRequest
from chat_service.handlers import Handler
from chat_service.keys import Platform
from chat_service.storage.record import StateRecord
from chat_service.storage.serde import set_record

RETRY_PAUSE = timedelta(seconds=2)
MAX_CHECKS = 300
"""Checks whether the conversation is idle: ten minutes. Then the notice is posted anyway."""


class OfflineNotice(StateRecord):
    """The backfill run for which the conversation last got the notice."""

    run: str = ""


class OfflineNoticeRequest(Contract):
    """The backfill run that the notice is about, and how often the conversation was checked."""

    run: str
    checks: int = 0


def offline_notice_handler(platform: Platform) -> Handler[OfflineNoticeRequest, None]:
    """Return the handler of the intake object that posts the notice."""
    return Handler(f"{platform.capitalize()}Intake", "post_offline_notice", OfflineNoticeRequest, NoneType)


async def claim_notice(ctx: ObjectContext, run: str) -> bool:
    """Return True once per conversation and backfill run, however many old messages there are."""
    notice = await ctx.get("offline_notice", type_hint=OfflineNotice) or OfflineNotice()
    if notice.run == run:
        return False
    set_record(ctx, "offline_notice", OfflineNotice(run=run))
    return True


async def post_when_idle(
    ctx: ObjectContext, deps: IntakeDependencies, request: OfflineNoticeRequest
) -> OfflineNoticeRequest | None:
    """Post the notice, or return the request for the next check while a turn runs or messages wait.

    A person who waits for an answer would take the notice for it, and ask again.
    """
    page = await calls.call(ctx, handlers.CHAT_GET_HISTORY, ctx.key(), HistoryRequest(limit=1))
    if (page.running or page.waiting) and request.checks < MAX_CHECKS:
        return OfflineNoticeRequest(run=request.run, checks=request.checks + 1)
    text = texts.was_offline(deps.settings.backfill_max_age / 3600)
    name = f"offline-{request.run}"
    await best_effort(ctx, "post notice", lambda: deps.messenger.post_notice(ctx.key(), name, text))
    return None
