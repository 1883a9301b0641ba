"""Edits and deletions in Slack change the conversation."""

from __future__ import annotations

from tests.slack.stack import Workspace
from tests.slack.steps import (
    ask,
    hold_turn,
    prompt_text,
    read_history,
    wait_for_history,
)


async def test_edit_changes_the_conversation_and_is_not_answered(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> my name is Ada")
    await slack.edit(workspace.ada, workspace.channel, root.ts, f"<@{slack.bot}> my name is Grace")
    await slack.unfurl(workspace.channel, root.ts, "A title", "https://x.test")
    await slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=root.ts)
    await slack.wait_reply(workspace.channel, root.ts, lambda m: "Your name is Grace" in m.text)
    assert len(await slack.replies(workspace.channel)) == 2


async def test_question_edited_to_blank_is_withdrawn(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> the code is 1234")
    held = await hold_turn(workspace, workspace.ada, workspace.channel, "a slow one", thread_ts=root.ts)
    queued = await slack.mention(workspace.ben, workspace.channel, "never mind this", thread_ts=root.ts)
    await wait_for_history(workspace, root, lambda h: len(h.waiting) == 1)
    await slack.edit(workspace.ben, workspace.channel, queued.ts, f"<@{slack.bot}>")
    await wait_for_history(workspace, root, lambda h: not h.waiting)
    await slack.edit(workspace.ada, workspace.channel, root.ts, f"<@{slack.bot}> \u200b")
    await held.finish()
    await wait_for_history(workspace, root, lambda h: not any("1234" in m.text for m in h.messages[:1]))
    _, request = await ask(workspace, workspace.ada, workspace.channel, "go on", thread_ts=root.ts)
    asked = [m for m in request.body["messages"] if m["role"] != "system"]
    assert "1234" not in str(asked) and "never mind" not in str(asked)
    assert [m["role"] for m in asked] == ["user", "assistant", "user"] and "a slow one" in asked[0]["content"]
    assert len(await slack.replies(workspace.channel)) == 3


async def test_mention_added_by_an_edit_is_not_answered(workspace: Workspace) -> None:
    slack = workspace.slack
    question = await slack.post(workspace.ada, workspace.channel, "hello")
    await slack.edit(workspace.ada, workspace.channel, question.ts, f"<@{slack.bot}> hello")
    await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> something else")
    assert len(await slack.replies(workspace.channel)) == 1


async def test_deletion_removes_the_message_and_withdraws_a_queued_question(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    deleted, _ = await ask(workspace, workspace.ada, workspace.channel, "my name is Ada", thread_ts=root.ts)
    await slack.delete(workspace.ada, workspace.channel, deleted.ts)
    held = await hold_turn(workspace, workspace.ada, workspace.channel, "a slow one", thread_ts=root.ts)
    queued = await slack.post(workspace.ada, workspace.channel, "never mind", thread_ts=root.ts)
    await slack.wait_until_acked(queued)
    await wait_for_history(workspace, root, lambda h: len(h.waiting) == 1)
    await slack.delete(workspace.ada, workspace.channel, queued.ts)
    await wait_for_history(workspace, root, lambda h: not h.waiting)
    await held.finish("at last")
    await slack.wait_reply(workspace.channel, root.ts, lambda m: "at last" in m.text)
    await slack.post(workspace.ada, workspace.channel, "what is my name?", thread_ts=root.ts)
    await slack.wait_reply(workspace.channel, root.ts, lambda m: "I do not know your name" in m.text)
    texts = [m.text for m in (await read_history(workspace, root)).messages]
    assert not any("never mind" in text or text == "my name is Ada" for text in texts)


async def test_question_deleted_during_its_turn_is_removed_with_its_reply(workspace: Workspace) -> None:
    slack = workspace.slack
    root, _ = await ask(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> hello")
    held = await hold_turn(workspace, workspace.ada, workspace.channel, "the code is 1234", thread_ts=root.ts)
    await slack.delete(workspace.ada, workspace.channel, held.question.ts)
    await held.finish("So the code is 1234.")
    await wait_for_history(
        workspace,
        root,
        lambda h: len(h.messages) == 4 and not h.running and "1234" not in str(h.messages),
    )
    _, request = await ask(workspace, workspace.ada, workspace.channel, "what is it?", thread_ts=root.ts)
    assert "1234" not in prompt_text(request) and "hello" in prompt_text(request)
