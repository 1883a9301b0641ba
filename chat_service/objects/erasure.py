"""`Housekeeping`: what a forget leaves behind in the engine's journal, and one person in many conversations.

The engine keeps finished invocations for a day, texts included: that is how a repeat gets the reply it got before.
What is forgotten must go from there too, so the finished invocations of a conversation are purged. A repeat is then
recognised by the textless marks in the Transcript.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import aiohttp
from restate import Context, RunOptions, Service, TerminalError

from chat_service import keys, runtime
from chat_service.contracts import Contract, Time
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.domain.deletion import DeletionScope
from chat_service.objects import directory, invocation_policy
from chat_service.objects.channel import channel_forget
from chat_service.objects.chat_client import send_to_chat

LOOK_AGAIN = timedelta(seconds=2)
LOOKS = 300
BATCH = 500

service = Service(
    "Housekeeping",
    description="Forgets: a person everywhere, and what the engine's journal still holds.",
    invocation_retry_policy=invocation_policy.PATIENT,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=invocation_policy.NONE,
)


class Purge(Contract):
    """Names a conversation, and the moment up to which nothing of it may remain in the journal; `also` are the
    directories that list it, whose answers hold its title. `whole`: nothing of it is to stay at all, so that what is
    being written about it is of no use any more."""

    conversation: str
    also: list[str] = []
    upto: Time
    whole: bool = False
    looks: int = 0


class Person(Contract):
    """Names a person: `slack:{team}:{user}`, `discord:{guild}:{user}`, `web:{person}`."""

    person: str


class Everywhere(Contract):
    """Names a person in all of Discord."""

    person: str


class Spaces(Contract):
    """The names that one person has in the places of a platform."""

    people: list[str]


class Forgotten(Contract):
    """In how many conversations a person was found."""

    conversations: int


@service.handler(ingress_private=True)
async def purge(ctx: Context, request: Purge) -> None:
    """Remove the finished invocations of a conversation; what has not finished is looked for again."""

    async def sweep() -> bool:
        """Run twice, it finds less to do."""
        admin = runtime.current().settings.admin_url
        if request.whole:
            await _end_writers(admin, request)
        return await _sweep(admin, request)

    left = await ctx.run_typed("purge", sweep, RunOptions(max_retry_interval=timedelta(seconds=10)))
    if left and request.looks < LOOKS:
        again = request.model_copy(update={"looks": request.looks + 1})
        ctx.service_send(purge, again, send_delay=LOOK_AGAIN)


@service.handler()
async def forget_person(ctx: Context, request: Person) -> Forgotten:
    """Remove one person's messages from every conversation; on the web, the person's conversations whole.

    Raises:
        TerminalError: 400 for what is no person's id.
    """
    if not keys.is_person(request.person):
        raise TerminalError(f"{request.person!r} is no person's id: {keys.PERSON}", status_code=400)
    owner = f"person:{request.person}"
    place, _, person = request.person.rpartition(":")
    found = await directory.listed(ctx, owner)
    for conversation in found:
        key = keys.parse(conversation)
        if key is not None and key.platform == "web":
            send_to_chat(ctx, conversation, "forget", Contract())
        else:
            send_to_chat(ctx, conversation, "prune", DeletionScope(person=person))
    ctx.object_send(directory.erase, owner, arg=None)
    if place == "web":
        ctx.object_send(channel_forget, request.person, arg=None)
    return Forgotten(conversations=len(found))


@service.handler()
async def forget_everywhere(ctx: Context, request: Everywhere) -> Forgotten:
    """Remove one person's messages from every server of Discord in which they ever wrote, also those that the bot has
    left since: only the engine's own tables name them. Gives the number of servers.

    Raises:
        TerminalError: 400 for what is no person's id.
    """
    if not request.person.isdecimal():
        raise TerminalError(f"{request.person!r} is no person's id in Discord", status_code=400)

    async def find() -> Spaces:
        """Only reads, so it may run twice."""
        return Spaces(people=await _people(runtime.current().settings.admin_url, request.person))

    found = await ctx.run_typed("find", find, RunOptions(type_hint=Spaces, max_retry_interval=timedelta(seconds=10)))
    for person in found.people:
        ctx.service_send(forget_person, Person(person=person))
    return Forgotten(conversations=len(found.people))


async def _people(admin: str, person: str) -> list[str]:
    """The names of one person in Discord's servers."""
    query = (
        "SELECT DISTINCT service_key FROM state WHERE service_name = 'Directory' "  # noqa: S608  digits alone
        f"AND service_key LIKE 'person:discord:%:{person}'"
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        rows = await _rows(session, admin, query)
    named = sorted(row["service_key"].removeprefix("person:") for row in rows)
    return [one for one in named if keys.is_person(one)]


async def _end_writers(admin: str, request: Purge) -> None:
    """Kill what still writes a title or a summary: their input is the text, and a model may take its time.

    They are found by who has sent them: their own key says nothing. Whose sender is gone from the journal already ends
    by itself. Run twice, it finds less to do.
    """
    quoted = request.conversation.replace("'", "''")
    query = (
        "SELECT id FROM sys_invocation WHERE target_service_name IN ('Titles', 'Summaries') "  # noqa: S608  as below
        f"AND status != 'completed' AND created_at <= '{_moment(request.upto)}' AND invoked_by_id IN "
        f"(SELECT id FROM sys_invocation WHERE target_service_name = 'Chat' AND target_service_key = '{quoted}')"
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        for row in await _rows(session, admin, query):
            await _told(session, f"{admin}/invocations/{row['id']}/kill")


async def _rows(session: aiohttp.ClientSession, admin: str, query: str) -> list[dict[str, str]]:
    headers = {"Accept": "application/json"}
    async with session.post(f"{admin}/query", json={"query": query}, headers=headers) as response:
        response.raise_for_status()
        rows: list[dict[str, str]] = (await response.json())["rows"]
        return rows


async def _told(session: aiohttp.ClientSession, what: str) -> None:
    async with session.patch(what) as response:
        if response.status not in (404, 409):  # gone by itself, or not as finished as it seemed
            response.raise_for_status()


async def _sweep(admin: str, request: Purge) -> bool:
    """Purge what has finished; whether anything is left that has not."""
    quoted = (key.replace("'", "''") for key in (request.conversation, *request.also))
    keys_ = ", ".join(f"'{key}'" for key in quoted)
    query = (
        "SELECT id, status FROM sys_invocation "  # noqa: S608  the keys' quotes are doubled
        f"WHERE target_service_key IN ({keys_}) AND created_at <= '{_moment(request.upto)}' "
        f"AND status != 'scheduled' LIMIT {BATCH}"  # timers and tickets hold no text
    )
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        rows = await _rows(session, admin, query)
        for row in rows:
            if row["status"] == "completed":
                await _told(session, f"{admin}/invocations/{row['id']}/purge")
    return len(rows) == BATCH or any(row["status"] != "completed" for row in rows)


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
