"""Replies in Slack: streaming, splitting, formatting, pings, feedback."""

from __future__ import annotations

from typing import Any

from tests.fakes.model.protocol import ScriptedResponse
from tests.fakes.slack.models import Message
from tests.slack.stack import Workspace
from tests.slack.steps import (
    NO_STREAM,
    hold_turn,
    visible_text,
    wait_for_ephemerals,
    wait_for_history,
    wait_for_replies,
)


async def test_reply_streams_into_one_message(workspace: Workspace) -> None:
    slack = workspace.slack
    held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> stream this")
    question = held.question
    await held.write("The first words")
    await slack.wait_reply(workspace.channel, question.ts, lambda m: m.stream and m.text == "The first words")
    await held.finish(" and the last.")
    [reply] = await wait_for_replies(workspace, question)
    assert visible_text(reply) == "The first words and the last."
    assert reply.stream and reply.stream.state == "completed" and reply.metadata


async def test_reply_without_native_streaming_updates_its_message(workspace: Workspace) -> None:
    slack = workspace.slack
    await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM)
    held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> update this")
    question = held.question
    for word in ("One", " two", " three", " four"):
        await held.write(word)
    message = await slack.wait_reply(
        workspace.channel, question.ts, lambda m: visible_text(m).startswith("One two three four")
    )
    assert "'stop'" in str(message.blocks)
    updates = [call for call in await slack.calls("chat.update") if call.args["ts"] == message.ts]
    assert len(updates) <= 3
    await held.finish()
    [reply] = await wait_for_replies(workspace, question)
    assert visible_text(reply) == "One two three four" and reply.ts == message.ts


async def test_rate_limited_preview_does_not_delay_the_reply(workspace: Workspace) -> None:
    slack = workspace.slack
    for method, native in (("chat.appendStream", True), ("chat.update", False)):
        if not native:
            await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM, contains=workspace.channel)
        await slack.add_fault(method, "ratelimited", retry_after=600, contains=workspace.channel)
        held = await hold_turn(workspace, workspace.ada, workspace.channel, f"<@{slack.bot}> stream this")
        question = held.question
        await held.write("The first words")
        await slack.wait_until(
            lambda m=method: slack.calls(m),  # type: ignore[misc]
            lambda found: any(call.error == "ratelimited" and workspace.channel in str(call.args) for call in found),
        )
        await held.finish(" and the last.")
        [reply] = await wait_for_replies(workspace, question)
        assert visible_text(reply) == "The first words and the last."


async def test_long_reply_is_split_with_intact_code_blocks(workspace: Workspace) -> None:
    lines = "\n".join(f"line {n:04d} = value" for n in range(800))
    text = f"Here is the code:\n\n```python\n{lines}\n```\n\nThat was it."
    assert len(text) > 10_000
    await workspace.model.script(ScriptedResponse(text=text, chunk=4000))
    question = await workspace.slack.mention(workspace.ada, workspace.channel, "write a lot")
    parts = await wait_for_replies(workspace, question, 2)
    texts = [visible_text(message) for message in parts]
    assert all(len(shown) <= 12_000 and shown.count("```") % 2 == 0 for shown in texts)
    reply = "\n".join(texts)
    assert [line for line in reply.splitlines() if line.startswith("line ")] == lines.splitlines()
    assert reply.endswith("That was it.") and "```python" in texts[1]
    assert len([message for message in parts if "feedback" in str(message.blocks)]) == 1


async def test_markdown_is_sent_unchanged(workspace: Workspace) -> None:
    text = "# Title\n\n- a **bold** point\n- [a link](https://x.test)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n`code`"
    await workspace.model.script(ScriptedResponse(text=text))
    question = await workspace.slack.mention(workspace.ada, workspace.channel, "format this")
    [reply] = await wait_for_replies(workspace, question)
    assert [b["text"] for b in reply.blocks if b["type"] == "markdown"] == [text]


async def test_model_output_cannot_ping_or_unfurl(workspace: Workspace) -> None:
    slack = workspace.slack
    text = (
        f"<!channel> <!here> <@{workspace.ben}> <!subteam^S123> <!Subteam^S123|@ops> @here `<!everyone>` @Channel "
        "<!CHANNEL> <!Here|here> <!group> <!DOCTYPE html> see https://x.test"
    )
    for refuse in (False, True):
        if refuse:
            await slack.add_fault("chat.startStream", "refuse", error=NO_STREAM)
        await workspace.model.script(ScriptedResponse(text=text, chunk=3, delay=0.02))
        question = await slack.mention(workspace.ada, workspace.channel, "shout")
        [reply] = await wait_for_replies(workspace, question)
        assert reply.mentions == [] and not {"@here", "@channel"} & set(visible_text(reply).lower().split())
        assert "<!DOCTYPE html>" in visible_text(reply), "text that pings nobody is unchanged"
        assert "channel" in visible_text(reply) and workspace.ben in visible_text(reply)
        assert not reply.unfurls and bool(reply.stream) is not refuse
    posts = [call for call in await slack.calls("chat.postMessage") if call.args.get("channel") == workspace.channel]
    assert posts and all(call.args["unfurl_links"] is False for call in posts)


async def test_feedback_is_kept_with_the_turn(workspace: Workspace) -> None:
    slack = workspace.slack
    question = await slack.mention(workspace.ada, workspace.channel, "how was I?")
    [reply] = await wait_for_replies(workspace, question)
    kept = await _press_feedback(workspace, question, reply, "up", workspace.ada)
    assert kept == {workspace.ada: "up"}
    kept = await _press_feedback(workspace, question, reply, "down", workspace.ben)
    assert kept == {workspace.ada: "up", workspace.ben: "down"}


async def _press_feedback(
    workspace: Workspace, question: Message, reply: Message, value: str, user: str
) -> dict[str, Any]:
    button = next(b for b in reply.blocks if b["type"] == "context_actions")["elements"][0]
    name = "positive_button" if value == "up" else "negative_button"
    await workspace.slack.click(user, workspace.channel, reply.ts, "feedback", button[name]["value"])
    [ephemeral] = await wait_for_ephemerals(workspace, user, workspace.channel)
    assert ("👍" if value == "up" else "👎") in ephemeral.text
    kept = await wait_for_history(workspace, question, lambda h: user in h.messages[-1].feedback)
    return dict(kept.messages[-1].feedback)
