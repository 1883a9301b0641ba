"""Conversations in channels, group direct messages and direct messages."""

from __future__ import annotations

from chat_service import handlers
from chat_service.contracts.channel import ChannelThread, ChannelViewRequest, ThreadUpdate
from chat_service.objects.channel import MAX_THREADS, StoredThreads
from tests.fakes.slack.control import settle
from tests.slack.stack import Workspace
from tests.slack.steps import (
    ask,
    prompt_text,
    read_history,
    texts_of_users,
    wait_for_ephemerals,
    wait_for_history,
    write_state,
)


async def test_mention_is_answered_in_a_thread_with_memory(workspace: Workspace) -> None:
    slack = workspace.slack
    first = await slack.mention(workspace.ada, workspace.channel, "my name is Ada")
    reply = await slack.wait_reply(workspace.channel, first.ts, lambda m: "my name is Ada" in m.text)
    assert reply.thread_ts == first.ts
    second = await slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=first.ts)
    await slack.wait_reply(workspace.channel, first.ts, lambda m: "Your name is Ada" in m.text)
    await slack.wait_until_acked(second)
    assert len(await slack.replies(workspace.channel)) == 2, "a mention is two events and is answered once"


async def test_direct_message_threads_are_separate_conversations(workspace: Workspace) -> None:
    slack = workspace.slack
    first = await slack.post(workspace.ada, workspace.dm_channel, "my name is Ada")
    await slack.wait_reply(workspace.dm_channel, first.ts, lambda m: "my name is Ada" in m.text)
    await slack.post(workspace.ada, workspace.dm_channel, "what is my name?", thread_ts=first.ts)
    await slack.wait_reply(workspace.dm_channel, first.ts, lambda m: "Your name is Ada" in m.text)
    other = await slack.post(workspace.ada, workspace.dm_channel, "what is my name?")
    await slack.wait_reply(workspace.dm_channel, other.ts, lambda m: "I do not know your name" in m.text)


async def test_group_direct_message_thread_continues_without_a_mention(workspace: Workspace) -> None:
    slack = workspace.slack
    group = await slack.open_conversation(workspace.ada, workspace.ben)
    root, _ = await ask(workspace, workspace.ada, group.id, f"<@{slack.bot}> my name is Ada")
    _, request = await ask(workspace, workspace.ben, group.id, "and who am I talking to?", thread_ts=root.ts)
    assert "my name is Ada" in prompt_text(request), "a follow-up needs no mention"
    other, request = await ask(workspace, workspace.ben, group.id, f"<@{slack.bot}> something else")
    assert "my name is Ada" not in prompt_text(request), "a mention outside the thread starts another conversation"
    assert len((await read_history(workspace, root)).messages) == 4
    assert len((await read_history(workspace, other)).messages) == 2
    aside = await slack.post(workspace.ada, group.id, "we talk among ourselves")
    await slack.wait_until_acked(aside)
    await settle()
    assert not await slack.replies(group.id, aside.ts)


async def test_messages_to_other_people_are_context_only(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    aside = await slack.post(workspace.ada, workspace.channel, f"<@{workspace.ben}> my name is Ada", thread_ts=root.ts)
    chat = await slack.post(workspace.ada, workspace.channel, "not for the bot")
    await slack.wait_until_acked(aside)
    await slack.wait_until_acked(chat)
    await slack.post(workspace.ben, workspace.channel, "what is my name?", thread_ts=root.ts)
    await slack.wait_reply(workspace.channel, root.ts, lambda m: "Your name is Ada" in m.text)
    await settle()
    assert len(await slack.replies(workspace.channel)) == 2
    unasked = await read_history(workspace, chat)
    assert not (unasked.messages or unasked.waiting or unasked.running)


async def test_messages_of_bots_are_ignored(workspace: Workspace) -> None:
    slack = workspace.slack
    other = await slack.add_user("otherbot", is_bot=True)
    await slack.join(other.id, workspace.channel)
    await slack.mention(other.id, workspace.channel, "hello bot")
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    await slack.post(other.id, workspace.channel, "me too", thread_ts=root.ts)
    await ask(workspace, workspace.ada, workspace.channel, "still there?", thread_ts=root.ts)
    await settle()
    assert len(await slack.replies(workspace.channel)) == 2


async def test_slack_connect_message_belongs_to_the_installing_workspace(workspace: Workspace) -> None:
    """In Slack Connect a message of an external member carries the team of that member."""
    slack = workspace.slack
    partner = await slack.add_team("Partner")
    stranger = await slack.add_user("zoe", team=partner.id, display_name="Zoe")
    await slack.join(stranger.id, workspace.channel)
    root, _ = await ask(workspace, stranger.id, workspace.channel, f"<@{slack.bot}> my name is Zoe")
    [started] = [
        call for call in await slack.calls("chat.startStream") if call.args.get("channel") == workspace.channel
    ]
    assert not started.error and started.args["recipient_team_id"] == partner.id, "Slack wants the recipient's own team"
    await ask(workspace, workspace.ada, workspace.channel, "what is my name?", thread_ts=root.ts)
    assert len((await read_history(workspace, root)).messages) == 4


async def test_thread_is_known_beyond_the_channels_thread_limit(workspace: Workspace) -> None:
    """The channel's list of threads has room for `MAX_THREADS`; older threads are looked up by their conversation."""
    slack, scope = workspace.slack, workspace.scope
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> the code is 1234")
    edited, _ = await ask(workspace, workspace.ada, workspace.channel, "my name is Grace", thread_ts=root.ts)
    quiet, _ = await ask(workspace, workspace.ben, workspace.channel, f"<@{slack.bot}> a word about lunch")
    await slack.mention(workspace.ben, workspace.channel, "quiet", thread_ts=quiet.ts)
    await wait_for_ephemerals(workspace, workspace.ben, workspace.channel)
    others = [f"{scope}:{1_600_000_000 + number}.000001" for number in range(MAX_THREADS)]
    async with workspace.ingress() as ingress:
        known = (await ingress.call(handlers.CHANNEL_GET_THREADS, scope, None)).threads
        threads = [*known, *(ChannelThread(conversation=other) for other in others[len(known) :])]
        await write_state(workspace, "Channel", scope, "threads", StoredThreads(threads=threads))
        update = ThreadUpdate(conversation=others[0], position="1600000000.000001")
        await ingress.call(handlers.CHANNEL_UPDATE_THREAD, scope, update)
        view = await ingress.call(
            handlers.CHANNEL_GET, scope, ChannelViewRequest(conversation=workspace.conversation(root))
        )
    assert view.is_full and view.thread is None
    await slack.delete(workspace.ada, workspace.channel, root.ts)
    await slack.edit(workspace.ada, workspace.channel, edited.ts, "my name is Ada")
    await wait_for_history(
        workspace,
        root,
        lambda h: texts_of_users(h) == ["", "my name is Ada"],
    )
    await ask(workspace, workspace.ben, workspace.channel, "are you still there?", thread_ts=root.ts)
    await slack.post(workspace.ada, workspace.channel, "among us", thread_ts=quiet.ts)
    await slack.mention(workspace.ben, workspace.channel, "and now?", thread_ts=quiet.ts)
    conversation = await wait_for_history(
        workspace,
        quiet,
        lambda h: not h.running and not h.waiting and any(m.text == "and now?" for m in h.messages),
    )
    roles = [m.role for m in conversation.messages]
    assert roles == ["user", "assistant", "user", "user", "assistant"], "quiet is still in force there"
