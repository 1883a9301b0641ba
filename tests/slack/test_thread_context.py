"""At a mention the bot reads the messages of the thread that it has not seen."""

from __future__ import annotations

from bots.common.texts import EARLIER_MESSAGES_OMITTED
from bots.slack.messenger import MAX_CONTEXT_MESSAGES
from chat_service import handlers
from chat_service.contracts import HistoryRequest
from chat_service.contracts.channel import ChannelView, ChannelViewRequest
from tests.fakes.slack.models import Message
from tests.slack.stack import Workspace
from tests.slack.steps import (
    ask,
    prompt_text,
    read_history,
    set_rules,
    texts_of_users,
    wait_for_ephemerals,
    wait_for_history,
    wait_for_replies,
)


async def test_mention_reads_the_thread_since_the_last_turn(workspace: Workspace) -> None:
    slack = workspace.slack
    root = await slack.post(workspace.ada, workspace.channel, "my name is Ada")
    await slack.post(workspace.ben, workspace.channel, "hi there", thread_ts=root.ts)
    await slack.mention(workspace.ben, workspace.channel, "what is my name?", thread_ts=root.ts)
    await slack.wait_reply(workspace.channel, root.ts, lambda m: "Your name is Ada" in m.text)
    await slack.mention(workspace.ben, workspace.channel, "quiet", thread_ts=root.ts)
    await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    silenced = await slack.post(workspace.ada, workspace.channel, "my name is Grace", thread_ts=root.ts)
    await slack.wait_until_acked(silenced)
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts
    )
    assert "my name is Grace" in prompt_text(request)
    texts = texts_of_users(await read_history(workspace, root))
    assert texts == ["my name is Ada", "hi there", "what is my name?", "my name is Grace", "what is my name?"]


async def test_reading_a_thread_is_retried(workspace: Workspace) -> None:
    slack = workspace.slack
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    root = await slack.post(workspace.ada, workspace.channel, "my name is Ada")
    await slack.add_fault("conversations.replies", "fail", times=2, contains=root.ts)
    await slack.add_fault("conversations.replies", "cut", contains=root.ts)
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts
    )
    assert "my name is Ada" in prompt_text(request)


async def test_rate_limit_pauses_all_readers(workspace: Workspace) -> None:
    """Slack limits reading per method and workspace."""
    slack = workspace.slack
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    roots = [await slack.post(workspace.ada, workspace.channel, f"my name is {name}") for name in ("Ada", "Eve")]
    before = len(await slack.calls())
    await slack.add_fault("conversations.replies", "ratelimited", retry_after=2, contains=roots[0].ts)

    async def find_refusal() -> float | None:
        return next((c.answered_at for c in await slack.calls(since=before) if c.status == 429), None)

    await slack.mention(workspace.ben, workspace.channel, "what is my name?", thread_ts=roots[0].ts)
    since = await slack.wait_until(find_refusal) or 0.0
    await slack.mention(workspace.ben, workspace.channel, "and what is mine?", thread_ts=roots[1].ts)
    for root in roots:
        await wait_for_replies(workspace, root)
    calls = await slack.calls("conversations.replies", since=before)
    assert {call.args["ts"] for call in calls} >= {root.ts for root in roots}
    assert not [call for call in calls if since < call.at < since + 2]


async def test_unreadable_thread_is_read_at_the_next_mention(workspace: Workspace) -> None:
    slack = workspace.slack
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    root = await slack.post(workspace.ada, workspace.channel, "my name is Ada")
    await slack.add_fault("conversations.replies", "fail", times=50, contains=root.ts)
    _, request = await ask(workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> hello", thread_ts=root.ts)
    await slack.clear_faults()
    assert "my name is Ada" not in prompt_text(request)
    await ask(workspace, workspace.ben, workspace.channel, "go on", thread_ts=root.ts)
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts
    )
    assert "my name is Ada" in prompt_text(request)
    assert prompt_text(request).count("go on") == 2, (
        "a known message is not added again: it is there once, and once in the reply"
    )


async def test_messages_of_a_blocked_person_are_not_read(workspace: Workspace) -> None:
    slack = workspace.slack
    await set_rules(workspace, workspace.scope, block=[workspace.ada])
    root = await slack.post(workspace.ben, workspace.channel, "what shall we call it?")
    await slack.post(workspace.ada, workspace.channel, "my name is Ada", thread_ts=root.ts)
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what do you think?", thread_ts=root.ts
    )
    assert "what shall we call it?" in prompt_text(request) and "Ada" not in prompt_text(request)


async def test_root_of_another_app_is_read_and_its_replies_are_not(workspace: Workspace) -> None:
    slack = workspace.slack
    app = await slack.add_user("pager", is_bot=True)
    await slack.join(app.id, workspace.channel)
    card = {"title": "Disk full", "title_link": "https://pager.test/1", "fallback": "Disk full"}
    root = await slack.post(app.id, workspace.channel, "ALARM on db-3", attachments=[card])
    await slack.post(app.id, workspace.channel, "still burning", thread_ts=root.ts)
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what is this?", thread_ts=root.ts
    )
    prompt = prompt_text(request)
    assert "ALARM on db-3" in prompt and "Disk full" in prompt and "[Pager, " in prompt
    assert "still burning" not in prompt


async def test_messages_before_and_after_quiet_are_read_at_the_next_mention(workspace: Workspace) -> None:
    slack = workspace.slack
    root = await slack.post(workspace.ada, workspace.channel, "my name is Ada")
    await slack.mention(workspace.ben, workspace.channel, "quiet", thread_ts=root.ts)
    await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts
    )
    assert "my name is Ada" in prompt_text(request)
    for count, text in ((2, "the sky is green"), (3, "among us")):
        await slack.mention(workspace.ben, workspace.channel, "quiet", thread_ts=root.ts)
        await wait_for_ephemerals(workspace, workspace.ben, workspace.channel, count)
        await slack.wait_until_acked(await slack.post(workspace.ada, workspace.channel, text, thread_ts=root.ts))
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what is its colour?", thread_ts=root.ts
    )
    assert "the sky is green" in prompt_text(request) and "among us" in prompt_text(request)


async def test_messages_while_mentions_were_required_are_read_at_the_next_mention(workspace: Workspace) -> None:
    slack, root = workspace.slack, await _start_thread_with_gap(workspace, "my name is Ada")
    _, request = await ask(workspace, workspace.ada, workspace.channel, "go on", thread_ts=root.ts)
    assert "my name is Ada" not in prompt_text(request)
    _, request = await ask(
        workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts
    )
    assert "my name is Ada" in prompt_text(request)


async def test_queued_question_is_answered_although_the_next_mention_reads_it(workspace: Workspace) -> None:
    slack, root = workspace.slack, await _start_thread_with_gap(workspace, "my name is Ada")
    await slack.post(workspace.ada, workspace.channel, "is it hot?", thread_ts=root.ts)
    await slack.mention(workspace.ben, workspace.channel, "or cold?", thread_ts=root.ts)

    conversation = await wait_for_history(
        workspace, root, lambda h: "or cold?" in texts_of_users(h) and not h.running and not h.waiting
    )
    assert {m.text: m.status for m in conversation.messages if m.role == "user"} == {
        "hello": "answered",
        "my name is Ada": "noted",
        "is it hot?": "answered",
        "or cold?": "answered",
    }


async def test_long_thread_is_read_with_its_beginning_and_a_gap_notice(workspace: Workspace) -> None:
    slack = workspace.slack
    root = await slack.post(workspace.ada, workspace.channel, "my name is Ada")
    for number in range(MAX_CONTEXT_MESSAGES + 5):
        await slack.post(workspace.ben, workspace.channel, f"line {number} ends", thread_ts=root.ts, silent=True)
    _, request = await ask(
        workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> what is my name?", thread_ts=root.ts
    )
    assert f"line {MAX_CONTEXT_MESSAGES + 4} ends" in prompt_text(request)
    newest = await read_history(workspace, root)
    async with workspace.ingress() as ingress:
        request_older = HistoryRequest(limit=200, before=newest.next_before)
        older = await ingress.call(handlers.CHAT_GET_HISTORY, workspace.conversation(root), request_older)
    texts = texts_of_users(older) + texts_of_users(newest)
    lines = [f"line {number} ends" for number in range(6, MAX_CONTEXT_MESSAGES + 5)]
    assert texts == ["my name is Ada", EARLIER_MESSAGES_OMITTED, *lines, "what is my name?"]


async def _start_thread_with_gap(workspace: Workspace, text: str) -> Message:
    """Post a text in a thread while replies require a mention, then lift that rule. Return the thread's root."""
    slack, scope = workspace.slack, workspace.scope
    await set_rules(workspace, scope, reply_mode="mentions")
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await slack.wait_until_acked(await slack.post(workspace.ada, workspace.channel, text, thread_ts=root.ts))
    await slack.wait_until(
        lambda: _read_channel_view(workspace, root),
        lambda view: view.thread is not None and bool(view.thread.gap_start),
    )
    await set_rules(workspace, scope, reply_mode="threads")
    return root


async def _read_channel_view(workspace: Workspace, root: Message) -> ChannelView:
    async with workspace.ingress() as ingress:
        request = ChannelViewRequest(conversation=workspace.conversation(root))
        return await ingress.call(handlers.CHANNEL_GET, workspace.scope, request)
