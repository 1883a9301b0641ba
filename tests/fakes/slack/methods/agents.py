"""Agent sessions, and the older `assistant.threads` methods for status and suggested prompts."""

from __future__ import annotations

from tests.fakes.slack.args import Args
from tests.fakes.slack.errors import ApiError, argument_error
from tests.fakes.slack.methods.chat import check_thread
from tests.fakes.slack.methods.streams import SESSION_STATUSES
from tests.fakes.slack.models import Json
from tests.fakes.slack.registry import CallContext, method

STOPPED = "agent_session_stopped"
UNSUBSCRIBED = "missing_agent_session_stopped_event_subscription"


def _thread(context: CallContext, args: Args) -> tuple[str, str]:
    channel_id, ts = args.required("channel_id", "thread_ts")
    channel = context.joined_channel(channel_id)
    check_thread(context, channel, ts)
    return channel.id, ts


@method("assistant.threads.setStatus", "assistant:write", "chat:write")
def set_status(context: CallContext, args: Args) -> Json:
    if not args.has("status"):
        raise argument_error("invalid_arguments", "missing required field: status")
    thread = _thread(context, args)
    status = args.string("status") or ""
    if status:
        context.slack.state.statuses[thread] = status
    else:
        context.slack.state.statuses.pop(thread, None)
    return {}


@method("assistant.threads.setSuggestedPrompts", "assistant:write")
def set_suggested_prompts(context: CallContext, args: Args) -> Json:
    [channel_id] = args.required("channel_id")
    channel = context.joined_channel(channel_id)
    prompts = args.json("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise argument_error("invalid_arguments", "prompts: 1 to 4")
    if not all(isinstance(prompt, dict) and prompt.get("title") and prompt.get("message") for prompt in prompts):
        raise argument_error("invalid_arguments", "a prompt needs a title and a message")
    if not context.slack.app.agent:
        args.required("thread_ts")
    elif args.string("thread_ts"):
        return {}  # Trap: with agent_view and a thread Slack answers ok and does nothing.
    context.slack.state.prompts[channel.id] = prompts
    return {}


@method("agents.sessions.setStatus", "chat:write")
def set_session_status(context: CallContext, args: Args) -> Json:
    [status] = args.required("status")
    if not context.slack.app.agent:
        raise ApiError("not_agent_app")
    context.require_scope("assistant:write")
    channel, ts = _thread(context, args)
    if status not in SESSION_STATUSES:
        raise argument_error("invalid_arguments", f"status must be one of {SESSION_STATUSES}")
    if len(args.string("title") or "") > 200:
        raise argument_error("invalid_arguments", "title must be less than 201 characters")
    initiator = args.string("initiator_user_id")
    if initiator and initiator not in context.slack.state.channels[channel].members:
        raise ApiError("user_not_in_channel")
    session = context.slack.set_session(channel, ts, status, title=args.string("title"), initiator=initiator)
    response: Json = {"status": session.status, "agent_status": session.status, "title": session.title}
    if STOPPED not in context.slack.app.events:
        response.update(warning=UNSUBSCRIBED, response_metadata={"warnings": [UNSUBSCRIBED]})
    return response


@method("agents.sessions.rename", "chat:write")
def rename_session(context: CallContext, args: Args) -> Json:
    [title] = args.required("title")
    if not context.slack.app.agent:
        raise ApiError("not_agent_app")
    session = context.slack.state.sessions.get(_thread(context, args))
    if session is None:
        raise ApiError("not_authorized")
    if len(title) > 200:
        raise argument_error("invalid_arguments", "title must be less than 201 characters")
    session.title = title
    return {"title": title}
