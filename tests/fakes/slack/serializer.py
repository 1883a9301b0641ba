"""The JSON objects that Slack sends for the fake's models."""

from __future__ import annotations

from tests.fakes.slack.models import Channel, File, Json, Message, Team, User, View
from tests.fakes.slack.state import SlackState


def user(user: User, viewer: Team, *, met: bool = True) -> Json:
    """Return a user object, with the roles in the user's own workspace.

    A stranger of another workspace, who shares no channel with the bot (`met`), has only a profile.
    """
    shown: Json = {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.real_name,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": 0,
        "profile": {
            "real_name": user.real_name,
            "real_name_normalized": user.real_name,
            "display_name": user.display_name,
            "display_name_normalized": user.display_name,
            "team": user.team_id,
            **({"bot_id": user.bot_id, "api_app_id": user.app_id} if user.is_bot else {}),
        },
    }
    if user.team_id == viewer.id or met:
        shown.update(is_admin=user.is_admin, is_owner=user.is_owner, tz="Etc/UTC", tz_offset=0)
        shown.update(is_restricted=user.is_restricted, is_ultra_restricted=user.is_ultra_restricted)
    else:
        shown["is_stranger"] = True
    return shown


def channel(channel: Channel, viewer: Team) -> Json:
    """Return a conversation object."""
    shown: Json = {
        "id": channel.id,
        "created": 0,
        "is_archived": channel.is_archived,
        "is_im": channel.kind == "im",
        "is_org_shared": False,
        "context_team_id": viewer.id,
    }
    if channel.kind == "im":
        shown["user"] = next((user for user in channel.members if user != viewer.bot_user_id), viewer.bot_user_id)
        return shown
    return {
        **shown,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.is_private,
        "is_general": channel.name == "general",
        "is_member": viewer.bot_user_id in channel.members,
        "is_shared": bool(channel.shared_team_ids),
        "is_ext_shared": bool(channel.shared_team_ids),
        "shared_team_ids": [channel.team_id, *channel.shared_team_ids],
        "creator": channel.creator,
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
        "num_members": len(channel.members),
    }


def file(file: File, base_url: str, *, only_id: bool = False) -> Json:
    """Return a file object. In a shared channel an event has only the id, and `files.info` has the rest."""
    if only_id:
        return {"id": file.id, "mode": "file_access", "file_access": "check_file_info"}
    path = f"files-pri/{file.team_id}-{file.id}"
    return {
        "id": file.id,
        "created": file.created,
        "timestamp": file.created,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2] or "binary",
        "pretty_type": file.mimetype,
        "user": file.user,
        "user_team": file.team_id,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "file_access": "visible",
        "url_private": f"{base_url}/{path}/{file.name}",
        "url_private_download": f"{base_url}/{path}/download/{file.name}",
        "channels": file.channels,
    }


def message(
    state: SlackState, message: Message, base_url: str, *, metadata: bool = False, counts: bool = False
) -> Json:
    """Return a message object, with metadata and with the `counts` of its thread if requested."""
    shown: Json = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text}
    shown["team"] = message.team
    optional: Json = {
        "subtype": message.subtype,
        "client_msg_id": message.client_msg_id,
        "bot_id": message.bot_id,
        "app_id": message.app_id,
        "thread_ts": message.thread_ts,
        "blocks": message.blocks,
        "attachments": message.attachments,
        "edited": message.edited,
        "metadata": message.metadata if metadata else None,
    }
    shown.update({name: value for name, value in optional.items() if value})
    if message.bot_id:
        name = state.users[message.user].real_name if message.user in state.users else "bot"
        profile = {"id": message.bot_id, "app_id": message.app_id, "name": name, "team_id": message.team}
        shown["bot_profile"] = {**profile, "deleted": False, "updated": 0}
    if message.files:
        shared = bool(state.channels[message.channel].shared_team_ids)
        home = state.channels[message.channel].team_id
        files = [state.files[file_id] for file_id in message.files]
        shown["files"] = [file(item, base_url, only_id=shared and item.team_id != home) for item in files]
        shown["upload"] = False
    if message.is_reply:
        parent = state.message(message.channel, message.root)
        if parent is not None:
            shown["parent_user_id"] = parent.user
    if message.reactions:
        shown["reactions"] = [
            {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
        ]
    if counts and not message.is_reply:
        shown.update(_thread_counts(state, message))
    return shown


def _thread_counts(state: SlackState, parent: Message) -> Json:
    replies = state.thread(parent.channel, parent.ts)[1:]
    if not replies:
        return {}
    users = sorted({reply.user for reply in replies})
    counts = {"reply_count": len(replies), "reply_users": users, "reply_users_count": len(users)}
    return {**counts, "thread_ts": parent.ts, "latest_reply": replies[-1].ts, "is_locked": False, "subscribed": False}


def view(view: View, app_id: str, bot_id: str) -> Json:
    """Return a view object, with generated block ids where they are absent."""
    blocks = [{"block_id": f"block-{number}", **block} for number, block in enumerate(view.view.get("blocks") or [])]
    return {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "state": {"values": {}},
        **view.view,
        "blocks": blocks,
        "id": view.id,
        "team_id": view.team_id,
        "app_id": app_id,
        "bot_id": bot_id,
        "hash": view.hash,
        "root_view_id": view.id,
        "previous_view_id": None,
    }


def permalink(team: Team, message: Message) -> str:
    """Return the link to a message."""
    url = f"https://{team.domain}.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
    return f"{url}?thread_ts={message.thread_ts}&cid={message.channel}" if message.is_reply else url
