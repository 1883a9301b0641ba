"""The agent experience: sessions, and the older `assistant.threads` that still set status, title and prompts."""

from __future__ import annotations

from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import Refused, invalid
from tests.fakes.slack.methods.chat import thread_of
from tests.fakes.slack.methods.streams import SESSION_STATUSES
from tests.fakes.slack.models import Json
from tests.fakes.slack.registry import Context, method

STOPPED = "agent_session_stopped"
UNSUBSCRIBED = "missing_agent_session_stopped_event_subscription"


def _thread(context: Context, args: Args) -> tuple[str, str]:
    name, ts = args.need("channel_id", "thread_ts")
    channel = context.joined(name)
    thread_of(context, channel, ts)
    return channel.id, ts


@method("assistant.threads.setStatus", "assistant:write", "chat:write")
def set_status(context: Context, args: Args) -> Json:
    if not args.has("status"):
        raise invalid("invalid_arguments", "missing required field: status")
    if len(args.json("loading_messages") or []) > 10:
        raise invalid("invalid_arguments", "no more than 10 items allowed: loading_messages")
    where = _thread(context, args)
    status = args.text("status") or ""
    if status:
        context.slack.world.statuses[where] = status
    else:
        context.slack.world.statuses.pop(where, None)
    return {}


@method("assistant.threads.setTitle", "assistant:write")
def set_title(context: Context, args: Args) -> Json:
    [title] = args.need("title")
    where = _thread(context, args)
    if context.slack.world.channels[where[0]].kind != "im":
        raise Refused("channel_not_found")
    context.slack.world.titles[where] = title
    return {}


@method("assistant.threads.setSuggestedPrompts", "assistant:write")
def set_prompts(context: Context, args: Args) -> Json:
    [name] = args.need("channel_id")
    channel = context.joined(name)
    prompts = args.json("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise invalid("invalid_arguments", "prompts: 1 to 4")
    if not all(isinstance(one, dict) and one.get("title") and one.get("message") for one in prompts):
        raise invalid("invalid_arguments", "a prompt needs a title and a message")
    if not context.slack.app.agent:
        args.need("thread_ts")
    elif args.text("thread_ts"):
        return {}  # with agent_view Slack says yes and does nothing
    context.slack.world.prompts[channel.id] = prompts
    return {}


@method("agents.sessions.setStatus", "chat:write")
def session_status(context: Context, args: Args) -> Json:
    [status] = args.need("status")
    if not context.slack.app.agent:
        raise Refused("not_agent_app")
    context.scope("assistant:write")
    channel, ts = _thread(context, args)
    if status not in SESSION_STATUSES:
        raise invalid("invalid_arguments", f"status must be one of {SESSION_STATUSES}")
    if len(args.text("title") or "") > 200:
        raise invalid("invalid_arguments", "title must be less than 201 characters")
    initiator = args.text("initiator_user_id")
    if initiator and initiator not in context.slack.world.channels[channel].members:
        raise Refused("user_not_in_channel")
    session = context.slack.session(channel, ts, status, title=args.text("title"), initiator=initiator)
    answer: Json = {"status": session.status, "agent_status": session.status, "title": session.title}
    if STOPPED not in context.slack.app.events:
        answer.update(warning=UNSUBSCRIBED, response_metadata={"warnings": [UNSUBSCRIBED]})
    return answer


@method("agents.sessions.rename", "chat:write")
def rename(context: Context, args: Args) -> Json:
    [title] = args.need("title")
    if not context.slack.app.agent:
        raise Refused("not_agent_app")
    where = _thread(context, args)
    session = context.slack.world.sessions.get(where)
    if session is None:
        raise Refused("not_authorized")
    if len(title) > 200:
        raise invalid("invalid_arguments", "title must be less than 201 characters")
    session.title = title
    return {"title": title}
