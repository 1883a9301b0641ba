"""The Restate objects and services that the chat service serves, with the function behind each handler."""

from __future__ import annotations

from datetime import timedelta

from restate import Service, VirtualObject

from chat_service import handlers
from chat_service.contracts.validation_errors import validation_errors_as_text
from chat_service.invocation_policy import RETAIN_BRIEFLY, RETAIN_NOTHING, RETAIN_ONE_DAY, RETRY_FOREVER
from chat_service.objects import (
    background,
    channel,
    chat,
    chat_deletion,
    chat_edits,
    chat_stop,
    chat_versions,
    directory,
    invitation,
    queue,
    quota,
    transcript,
)
from chat_service.objects.registration import ObjectOptions, Options, register, register_service_handler

CHAT = VirtualObject(
    "Chat",
    description="A conversation: answers one message at a time, in order.",
    invocation_retry_policy=RETRY_FOREVER,
    invocation_context_managers=[validation_errors_as_text],
    abort_timeout=timedelta(hours=1),
    idempotency_retention=RETAIN_ONE_DAY,
    journal_retention=RETAIN_ONE_DAY,
)

READ: ObjectOptions = {"kind": "shared", "idempotency_retention": RETAIN_BRIEFLY, "journal_retention": RETAIN_BRIEFLY}
READ_WITHOUT_PRELOAD: ObjectOptions = {**READ, "state_preload": False}

register(CHAT, handlers.CHAT_MESSAGE, chat.message)
register(CHAT, handlers.CHAT_RECOVER, chat.recover)
register(CHAT, handlers.CHAT_REGENERATE, chat_versions.regenerate)
register(CHAT, handlers.CHAT_CONTINUE_REPLY, chat_versions.continue_reply)
register(CHAT, handlers.CHAT_CHOOSE_VERSION, chat_versions.choose_version)
register(
    CHAT,
    handlers.CHAT_STOP,
    chat_stop.stop,
    kind="shared",
    state_preload=False,
    idempotency_retention=RETAIN_ONE_DAY,
    journal_retention=RETAIN_BRIEFLY,
)
register(CHAT, handlers.CHAT_PASS_STOP_ALL_BARRIER, chat_stop.pass_stop_all_barrier, ingress_private=True)

register(CHAT, handlers.CHAT_GET_HISTORY, chat.get_history, **READ)
register(CHAT, handlers.CHAT_GET_TURN, chat.get_turn, **READ_WITHOUT_PRELOAD)
register(CHAT, handlers.CHAT_SEARCH, chat.search, **READ)
register(CHAT, handlers.CHAT_EXPORT, chat.export, **READ)
register(CHAT, handlers.CHAT_GET_SETTINGS, chat.get_settings, **READ)

register(CHAT, handlers.CHAT_CONFIGURE, chat.configure)
register(CHAT, handlers.CHAT_RENAME, chat.rename)
register(CHAT, handlers.CHAT_RESET, chat.reset)

register(CHAT, handlers.CHAT_ADD_NOTES, chat_edits.add_notes)
register(CHAT, handlers.CHAT_EDIT, chat_edits.edit)
register(CHAT, handlers.CHAT_REDACT, chat_edits.redact)
register(CHAT, handlers.CHAT_SET_FEEDBACK, chat_edits.set_feedback)
register(CHAT, handlers.CHAT_REPORT_DELIVERY, chat_edits.report_delivery, ingress_private=True)
register(CHAT, handlers.CHAT_CLOSE_INTERRUPTED_TURN, chat_edits.close_interrupted_turn, ingress_private=True)

register(CHAT, handlers.CHAT_CONFIRM_PAGE, chat.confirm_page, ingress_private=True)
# The text of a title or a summary may be forgotten by the time it arrives, so the journal does not keep it.
register(CHAT, handlers.CHAT_APPLY_TITLE, chat.apply_title, ingress_private=True, journal_retention=RETAIN_NOTHING)
register(CHAT, handlers.CHAT_APPLY_SUMMARY, chat.apply_summary, ingress_private=True, journal_retention=RETAIN_NOTHING)

register(CHAT, handlers.CHAT_FORGET, chat_deletion.forget, kind="shared", state_preload=False)
register(CHAT, handlers.CHAT_ERASE, chat_deletion.erase, ingress_private=True)
register(CHAT, handlers.CHAT_PRUNE, chat_deletion.prune, ingress_private=True)
register(CHAT, handlers.CHAT_EXPIRE, chat_deletion.expire, ingress_private=True)

QUEUE = VirtualObject(
    "Queue",
    description="Messages that wait for their turn.",
    state_preload=False,
    invocation_retry_policy=RETRY_FOREVER,
    invocation_context_managers=[validation_errors_as_text],
    idempotency_retention=RETAIN_ONE_DAY,
    journal_retention=RETAIN_BRIEFLY,
)

register(QUEUE, handlers.QUEUE_ADD, queue.add)
register(QUEUE, handlers.QUEUE_TAKE, queue.take, ingress_private=True)
register(QUEUE, handlers.QUEUE_RELEASE_TAKEN, queue.release_taken, ingress_private=True)
register(
    QUEUE,
    handlers.QUEUE_GET_WAITING,
    queue.get_waiting,
    kind="shared",
    journal_retention=RETAIN_BRIEFLY,
    idempotency_retention=RETAIN_BRIEFLY,
)
register(QUEUE, handlers.QUEUE_WITHDRAW, queue.withdraw, idempotency_retention=RETAIN_BRIEFLY)
register(QUEUE, handlers.QUEUE_EDIT, queue.edit)
register(QUEUE, handlers.QUEUE_REDACT, queue.redact)
register(QUEUE, handlers.QUEUE_RENAME, queue.rename)
register(QUEUE, handlers.QUEUE_CONFIRM_RENAME, queue.confirm_rename, ingress_private=True)

TRANSCRIPT = VirtualObject(
    "Transcript",
    description="Older messages of a conversation, in pages.",
    ingress_private=True,
    state_preload=False,
    invocation_retry_policy=RETRY_FOREVER,
    journal_retention=RETAIN_BRIEFLY,
)

register(TRANSCRIPT, handlers.TRANSCRIPT_APPEND, transcript.append)
register(TRANSCRIPT, handlers.TRANSCRIPT_READ, transcript.read, kind="shared")
register(TRANSCRIPT, handlers.TRANSCRIPT_SEARCH, transcript.search, kind="shared")
register(TRANSCRIPT, handlers.TRANSCRIPT_FIND, transcript.find, kind="shared")
register(TRANSCRIPT, handlers.TRANSCRIPT_ADD_TOMBSTONES, transcript.add_tombstones)
register(TRANSCRIPT, handlers.TRANSCRIPT_REVISE, transcript.revise)
register(TRANSCRIPT, handlers.TRANSCRIPT_PRUNE, transcript.prune)
register(TRANSCRIPT, handlers.TRANSCRIPT_ERASE, transcript.erase)

DIRECTORY = VirtualObject(
    "Directory",
    description="The conversations of a person, a channel or a workspace, newest first.",
    state_preload=False,
    invocation_retry_policy=RETRY_FOREVER,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=RETAIN_NOTHING,
    idempotency_retention=RETAIN_BRIEFLY,
)

register(DIRECTORY, handlers.DIRECTORY_LIST, directory.list_conversations, kind="shared")
register(DIRECTORY, handlers.DIRECTORY_UPDATE, directory.update, ingress_private=True)
register(DIRECTORY, handlers.DIRECTORY_REMOVE, directory.remove, ingress_private=True)
register(DIRECTORY, handlers.DIRECTORY_ERASE, directory.erase, ingress_private=True)

CHANNEL = VirtualObject(
    "Channel",
    description="Settings of a workspace, a channel or a person.",
    state_preload=False,  # a turn reads the settings, and must not be sent the threads that are stored beside them
    invocation_retry_policy=RETRY_FOREVER,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=RETAIN_NOTHING,
    idempotency_retention=RETAIN_BRIEFLY,
)

register(CHANNEL, handlers.CHANNEL_CONFIGURE, channel.configure)
register(CHANNEL, handlers.CHANNEL_GET_OVERRIDES, channel.get_overrides, kind="shared")
register(CHANNEL, handlers.CHANNEL_GET_SCOPE_SETTINGS, channel.get_scope_settings, kind="shared")
register(CHANNEL, handlers.CHANNEL_GET, channel.get, kind="shared")
register(CHANNEL, handlers.CHANNEL_SET_RULES, channel.set_rules)
register(CHANNEL, handlers.CHANNEL_GET_THREADS, channel.get_threads, kind="shared")
register(CHANNEL, handlers.CHANNEL_UPDATE_THREAD, channel.update_thread)
register(CHANNEL, handlers.CHANNEL_ADVANCE_READ_POSITION, channel.advance_read_position)
register(CHANNEL, handlers.CHANNEL_POSTPONE_DELIVERY, channel.postpone_delivery, ingress_private=True)
register(CHANNEL, handlers.CHANNEL_RELEASE_DELIVERIES, channel.release_deliveries)
register(CHANNEL, handlers.CHANNEL_FORGET, channel.forget, ingress_private=True)

QUOTA = VirtualObject(
    "Quota",
    description="What a person or a channel has used.",
    invocation_retry_policy=RETRY_FOREVER,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=RETAIN_BRIEFLY,
    idempotency_retention=RETAIN_BRIEFLY,
)

register(QUOTA, handlers.QUOTA_CLAIM, quota.claim)
register(QUOTA, handlers.QUOTA_ADD_TOKENS, quota.add_tokens, ingress_private=True)

BACKGROUND = Service(
    "Background",
    description="Writes titles and summaries, and deletes what is stored outside of a conversation.",
    invocation_retry_policy=RETRY_FOREVER,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=RETAIN_NOTHING,
)

SUMMARY_OPTIONS: Options = {
    "ingress_private": True,
    "inactivity_timeout": timedelta(hours=1),
    "abort_timeout": timedelta(hours=1),
}

register_service_handler(BACKGROUND, handlers.BACKGROUND_WRITE_TITLE, background.write_title, ingress_private=True)
register_service_handler(BACKGROUND, handlers.BACKGROUND_WRITE_SUMMARY, background.write_summary, **SUMMARY_OPTIONS)
register_service_handler(BACKGROUND, handlers.BACKGROUND_PURGE_JOURNAL, background.purge_journal, ingress_private=True)
register_service_handler(BACKGROUND, handlers.BACKGROUND_FORGET_PERSON, background.forget_person)
register_service_handler(BACKGROUND, handlers.BACKGROUND_FORGET_DISCORD_USER, background.forget_discord_user)

INVITATION = VirtualObject(
    "Invitation",
    description="A sealed text that is handed out once, within its time.",
    invocation_retry_policy=RETRY_FOREVER,
    invocation_context_managers=[validation_errors_as_text],
    journal_retention=RETAIN_NOTHING,
    idempotency_retention=RETAIN_BRIEFLY,
)

register(INVITATION, handlers.INVITATION_CREATE, invitation.create)
register(INVITATION, handlers.INVITATION_TAKE, invitation.take)
register(INVITATION, handlers.INVITATION_GET, invitation.get, kind="shared")
register(INVITATION, handlers.INVITATION_EXPIRE, invitation.expire, ingress_private=True)

SERVICES = (CHAT, QUEUE, TRANSCRIPT, DIRECTORY, CHANNEL, QUOTA, BACKGROUND, INVITATION)
