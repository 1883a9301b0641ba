"""`Background`: work beside the conversations, which never delays a turn.

It writes titles and rolling summaries, and it deletes what a conversation's own state does not hold: invocations in the
engine's journal, and one person's messages in many conversations.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from restate import Context, RunOptions, TerminalError

from chat_service import handlers, keys, runtime
from chat_service.calls import call, list_directory, send
from chat_service.contracts import Contract, HistoryRequest, Message
from chat_service.contracts.background import (
    ForgetDiscordUserRequest,
    ForgetPersonRequest,
    ForgetResult,
    PurgeJournalRequest,
    SummaryRequest,
    TitleRequest,
    WrittenSummary,
    WrittenTitle,
)
from chat_service.contracts.deletion import DeletionScope
from chat_service.domain import context, summary_policy
from chat_service.domain.titles import clean_title, title_prompt
from chat_service.engine import journal
from chat_service.models.completion import complete_text
from chat_service.models.protocol import Failure, ModelError, Prompt

log = logging.getLogger(__name__)

TITLE_ATTEMPTS = 2
SUMMARY_ATTEMPTS = 4
SUMMARY_PAGE = 100
MAX_SUMMARY_MESSAGES = 800
"""Messages that one summary reads; of a longer gap, the newest."""
PURGE_INTERVAL = timedelta(seconds=2)
MAX_PURGES = 300
ADMIN_RETRY_INTERVAL = timedelta(seconds=10)


class PeopleFound(Contract):
    """The names of one person in the servers of Discord."""

    people: list[str]


async def write_title(ctx: Context, request: TitleRequest) -> None:
    """Ask the model for a title. When the model fails or returns no usable text, the title stays as it is."""

    async def ask() -> str:
        try:
            return await complete_text(runtime.current().models, title_prompt(request.messages))
        except ModelError as error:
            log.info("no title for %s: %s", request.conversation, error.message)
            return ""

    title = clean_title(await ctx.run_typed("title", ask, RunOptions(max_attempts=TITLE_ATTEMPTS)))
    if title:
        written = WrittenTitle(epoch=request.epoch, title=title)
        send(ctx, handlers.CHAT_APPLY_TITLE, request.conversation, written)


async def write_summary(ctx: Context, request: SummaryRequest) -> None:
    """Summarise the messages in pieces. Every piece is a step of its own, so a crash repeats one piece.

    A summary that fails or comes late loses nothing: the next one starts where the last applied summary ended.
    """
    budget = context.Budget(request.characters)
    messages = request.messages or await _read_messages(ctx, request)
    summary = request.summary
    for lines in summary_policy.transcript_chunks(messages, budget):
        prompt = summary_policy.summary_prompt(summary, lines, budget)

        async def ask(prompt: Prompt = prompt) -> str:
            """Return the new summary; empty when the model cannot give one. A repeated run asks the model again."""
            try:
                return (await complete_text(runtime.current().models, prompt)).strip()
            except ModelError as error:
                if error.failure is Failure.RETRY:
                    raise
                log.warning("no summary for %s: %s", request.conversation, error.message)
                return ""

        options: RunOptions[str] = RunOptions(
            max_attempts=SUMMARY_ATTEMPTS,
            initial_retry_interval=timedelta(seconds=1),
            retry_interval_factor=4,
            max_retry_interval=timedelta(seconds=30),
        )
        summary = summary_policy.clip_summary(await ctx.run_typed("summary", ask, options), budget)
        if not summary:
            return  # the next request will cover this part too
    written = WrittenSummary(epoch=request.epoch, upto=request.upto, text=summary)
    send(ctx, handlers.CHAT_APPLY_SUMMARY, request.conversation, written)


async def _read_messages(ctx: Context, request: SummaryRequest) -> list[Message]:
    found: list[Message] = []
    before: int | None = request.upto + 1
    while before is not None and before - 1 > request.after and len(found) < MAX_SUMMARY_MESSAGES:
        wanted = HistoryRequest(before=before, limit=min(SUMMARY_PAGE, before - 1 - request.after))
        page = await call(ctx, handlers.CHAT_GET_HISTORY, request.conversation, wanted)
        found = page.messages + found
        before = page.next_before
    return [m for m in found if m.seq > request.after]


async def purge_journal(ctx: Context, request: PurgeJournalRequest) -> None:
    """Remove the finished invocations of a conversation. While some are unfinished, it is sent again later."""

    async def purge() -> bool:
        """Return whether invocations are left. Idempotent."""
        admin_url = runtime.current().settings.admin_url
        if request.whole:
            await journal.kill_writers(admin_url, request.conversation, request.upto)
        return await journal.purge_invocations(admin_url, (request.conversation, *request.directories), request.upto)

    are_left = await ctx.run_typed("purge", purge, RunOptions(max_retry_interval=ADMIN_RETRY_INTERVAL))
    if are_left and request.attempts < MAX_PURGES:
        again = request.model_copy(update={"attempts": request.attempts + 1})
        send(ctx, handlers.BACKGROUND_PURGE_JOURNAL, None, again, PURGE_INTERVAL)


async def forget_person(ctx: Context, request: ForgetPersonRequest) -> ForgetResult:
    """Delete one person's messages from every conversation; on the web, the person's whole conversations.

    Raises:
        TerminalError: 400 when the id does not name a person.
    """
    if not keys.is_person(request.person):
        raise TerminalError(f"{request.person!r} is no person's id: {keys.PERSON}", status_code=400)
    owner = f"person:{request.person}"
    scope, _, person = request.person.rpartition(":")
    found = await list_directory(ctx, owner)
    for conversation in found:
        key = keys.parse(conversation)
        if key is not None and key.platform == "web":
            send(ctx, handlers.CHAT_FORGET, conversation, None)
        else:
            send(ctx, handlers.CHAT_PRUNE, conversation, DeletionScope(person=person))
    send(ctx, handlers.DIRECTORY_ERASE, owner, None)
    if scope == "web":
        send(ctx, handlers.CHANNEL_FORGET, request.person, None)
    return ForgetResult(conversations=len(found))


async def forget_discord_user(ctx: Context, request: ForgetDiscordUserRequest) -> ForgetResult:
    """Delete one person's messages from every Discord server in which they ever wrote; return the number of servers.

    The bot may have left some of the servers since: only Restate's tables name them all.

    Raises:
        TerminalError: 400 when the id is not a Discord user id.
    """
    if not request.person.isdecimal():
        raise TerminalError(f"{request.person!r} is no person's id in Discord", status_code=400)

    async def find() -> PeopleFound:
        """Only reads, so it may run twice."""
        admin_url = runtime.current().settings.admin_url
        return PeopleFound(people=await journal.find_discord_people(admin_url, request.person))

    options = RunOptions(type_hint=PeopleFound, max_retry_interval=ADMIN_RETRY_INTERVAL)
    found = await ctx.run_typed("find", find, options)
    for person in found.people:
        send(ctx, handlers.BACKGROUND_FORGET_PERSON, None, ForgetPersonRequest(person=person))
    return ForgetResult(conversations=len(found.people))
