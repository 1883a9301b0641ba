"""The Restate handlers of the chat service: one typed constant per handler.

Callers name a handler by its constant: other handlers through `calls`, other processes through `ingress.IngressClient`.
Each object in `objects` registers its functions under the same constants, so that names and types cannot differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import Generic, TypeVar

from pydantic import BaseModel

from chat_service.contracts import (
    AcceptedMessage,
    ChooseRequest,
    ConfigureRequest,
    ContinueRequest,
    DeliverRequest,
    DeliveryReport,
    DirectoryEntry,
    DirectoryPage,
    DirectoryRequest,
    EditRequest,
    Export,
    ExportRequest,
    FeedbackRequest,
    History,
    HistoryRequest,
    Inbound,
    Notes,
    Overrides,
    RecoverRequest,
    RedactRequest,
    RenameRequest,
    Reply,
    SearchRequest,
    SearchResult,
    SettingsView,
    StopRequest,
    StopResult,
    TurnRequest,
    WithdrawRequest,
)
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
from chat_service.contracts.channel import (
    ChannelRules,
    ChannelRulesChange,
    ChannelThreads,
    ChannelView,
    ChannelViewRequest,
    PostponedDelivery,
    ReadPosition,
    ReleasedDeliveries,
    ScopeSettings,
    ThreadUpdate,
)
from chat_service.contracts.deletion import DeletionScope
from chat_service.contracts.directory import DirectoryRemoval
from chat_service.contracts.invitation import Invitation
from chat_service.contracts.queue import QueuedMessages, TakeRequest
from chat_service.contracts.quota import QuotaClaim, QuotaDecision, TokenUsage
from chat_service.contracts.transcript import (
    AppendRequest,
    EraseRequest,
    FindRequest,
    MessageLocation,
    MessagePage,
    PageStored,
    PruneRequest,
    PruneResult,
    Revision,
    RevisionResult,
    Tombstones,
)
from chat_service.contracts.turns import StopAllBarrier
from chat_service.keys import Platform

Request = TypeVar("Request", bound=BaseModel | None)
Response = TypeVar("Response", bound=BaseModel | None)


@dataclass(frozen=True, slots=True)
class Handler(Generic[Request, Response]):
    """A handler of a Restate service or virtual object.

    Attributes:
        service: name of the service or virtual object.
        name: name of the handler.
        request: model of its input; NoneType when it takes none.
        response: model of its result; NoneType when it returns none.
        keyed: True for a virtual object, whose calls need a key.
    """

    service: str
    name: str
    request: type[Request]
    response: type[Response]
    keyed: bool = True


def parse_response(model: type[Response], body: bytes) -> Response:
    """Return the result that a response body holds; None for a handler that returns none."""
    if issubclass(model, BaseModel):
        return model.model_validate_json(body or b"{}")
    return None  # type: ignore[return-value]  # Response is None here, which mypy cannot infer


CHAT_MESSAGE = Handler("Chat", "message", Inbound, Reply)
CHAT_RECOVER = Handler("Chat", "recover", RecoverRequest, Reply)
CHAT_GET_HISTORY = Handler("Chat", "get_history", HistoryRequest, History)
CHAT_GET_TURN = Handler("Chat", "get_turn", TurnRequest, Reply)
CHAT_SEARCH = Handler("Chat", "search", SearchRequest, SearchResult)
CHAT_EXPORT = Handler("Chat", "export", ExportRequest, Export)
CHAT_GET_SETTINGS = Handler("Chat", "get_settings", NoneType, SettingsView)
CHAT_CONFIGURE = Handler("Chat", "configure", ConfigureRequest, SettingsView)
CHAT_RENAME = Handler("Chat", "rename", RenameRequest, NoneType)
CHAT_RESET = Handler("Chat", "reset", NoneType, NoneType)
CHAT_STOP = Handler("Chat", "stop", StopRequest, StopResult)
CHAT_PASS_STOP_ALL_BARRIER = Handler("Chat", "pass_stop_all_barrier", StopAllBarrier, NoneType)
CHAT_REGENERATE = Handler("Chat", "regenerate", TurnRequest, Reply)
CHAT_CONTINUE_REPLY = Handler("Chat", "continue_reply", ContinueRequest, Reply)
CHAT_CHOOSE_VERSION = Handler("Chat", "choose_version", ChooseRequest, NoneType)
CHAT_ADD_NOTES = Handler("Chat", "add_notes", Notes, Reply)
CHAT_EDIT = Handler("Chat", "edit", EditRequest, NoneType)
CHAT_REDACT = Handler("Chat", "redact", RedactRequest, NoneType)
CHAT_SET_FEEDBACK = Handler("Chat", "set_feedback", FeedbackRequest, NoneType)
CHAT_REPORT_DELIVERY = Handler("Chat", "report_delivery", DeliveryReport, NoneType)
CHAT_CLOSE_INTERRUPTED_TURN = Handler("Chat", "close_interrupted_turn", NoneType, NoneType)
CHAT_CONFIRM_PAGE = Handler("Chat", "confirm_page", PageStored, NoneType)
CHAT_APPLY_TITLE = Handler("Chat", "apply_title", WrittenTitle, NoneType)
CHAT_APPLY_SUMMARY = Handler("Chat", "apply_summary", WrittenSummary, NoneType)
CHAT_FORGET = Handler("Chat", "forget", NoneType, NoneType)
CHAT_ERASE = Handler("Chat", "erase", NoneType, NoneType)
CHAT_PRUNE = Handler("Chat", "prune", DeletionScope, NoneType)
CHAT_EXPIRE = Handler("Chat", "expire", NoneType, NoneType)

QUEUE_ADD = Handler("Queue", "add", Inbound, AcceptedMessage)
QUEUE_TAKE = Handler("Queue", "take", TakeRequest, QueuedMessages)
QUEUE_RELEASE_TAKEN = Handler("Queue", "release_taken", NoneType, NoneType)
QUEUE_GET_WAITING = Handler("Queue", "get_waiting", NoneType, QueuedMessages)
QUEUE_WITHDRAW = Handler("Queue", "withdraw", WithdrawRequest, QueuedMessages)
QUEUE_EDIT = Handler("Queue", "edit", EditRequest, NoneType)
QUEUE_REDACT = Handler("Queue", "redact", RedactRequest, NoneType)
QUEUE_RENAME = Handler("Queue", "rename", RenameRequest, NoneType)
QUEUE_CONFIRM_RENAME = Handler("Queue", "confirm_rename", RenameRequest, NoneType)

TRANSCRIPT_APPEND = Handler("Transcript", "append", AppendRequest, NoneType)
TRANSCRIPT_READ = Handler("Transcript", "read", HistoryRequest, MessagePage)
TRANSCRIPT_SEARCH = Handler("Transcript", "search", SearchRequest, SearchResult)
TRANSCRIPT_FIND = Handler("Transcript", "find", FindRequest, MessageLocation)
TRANSCRIPT_ADD_TOMBSTONES = Handler("Transcript", "add_tombstones", Tombstones, NoneType)
TRANSCRIPT_REVISE = Handler("Transcript", "revise", Revision, RevisionResult)
TRANSCRIPT_PRUNE = Handler("Transcript", "prune", PruneRequest, PruneResult)
TRANSCRIPT_ERASE = Handler("Transcript", "erase", EraseRequest, NoneType)

DIRECTORY_LIST = Handler("Directory", "list", DirectoryRequest, DirectoryPage)
DIRECTORY_UPDATE = Handler("Directory", "update", DirectoryEntry, NoneType)
DIRECTORY_REMOVE = Handler("Directory", "remove", DirectoryRemoval, NoneType)
DIRECTORY_ERASE = Handler("Directory", "erase", NoneType, NoneType)

CHANNEL_GET = Handler("Channel", "get", ChannelViewRequest, ChannelView)
CHANNEL_GET_OVERRIDES = Handler("Channel", "get_overrides", NoneType, Overrides)
CHANNEL_GET_SCOPE_SETTINGS = Handler("Channel", "get_scope_settings", NoneType, ScopeSettings)
CHANNEL_CONFIGURE = Handler("Channel", "configure", ConfigureRequest, Overrides)
CHANNEL_SET_RULES = Handler("Channel", "set_rules", ChannelRulesChange, ChannelRules)
CHANNEL_GET_THREADS = Handler("Channel", "get_threads", NoneType, ChannelThreads)
CHANNEL_UPDATE_THREAD = Handler("Channel", "update_thread", ThreadUpdate, NoneType)
CHANNEL_ADVANCE_READ_POSITION = Handler("Channel", "advance_read_position", ReadPosition, NoneType)
CHANNEL_POSTPONE_DELIVERY = Handler("Channel", "postpone_delivery", PostponedDelivery, NoneType)
CHANNEL_RELEASE_DELIVERIES = Handler("Channel", "release_deliveries", NoneType, ReleasedDeliveries)
CHANNEL_FORGET = Handler("Channel", "forget", NoneType, NoneType)

QUOTA_CLAIM = Handler("Quota", "claim", QuotaClaim, QuotaDecision)
QUOTA_ADD_TOKENS = Handler("Quota", "add_tokens", TokenUsage, NoneType)

INVITATION_CREATE = Handler("Invitation", "create", Invitation, NoneType)
INVITATION_GET = Handler("Invitation", "get", NoneType, Invitation)
INVITATION_TAKE = Handler("Invitation", "take", NoneType, Invitation)
INVITATION_EXPIRE = Handler("Invitation", "expire", NoneType, NoneType)

BACKGROUND_WRITE_TITLE = Handler("Background", "write_title", TitleRequest, NoneType, keyed=False)
BACKGROUND_WRITE_SUMMARY = Handler("Background", "write_summary", SummaryRequest, NoneType, keyed=False)
BACKGROUND_PURGE_JOURNAL = Handler("Background", "purge_journal", PurgeJournalRequest, NoneType, keyed=False)
BACKGROUND_FORGET_PERSON = Handler("Background", "forget_person", ForgetPersonRequest, ForgetResult, keyed=False)
BACKGROUND_FORGET_DISCORD_USER = Handler(
    "Background", "forget_discord_user", ForgetDiscordUserRequest, ForgetResult, keyed=False
)


def delivery_handler(platform: Platform) -> Handler[DeliverRequest, None] | None:
    """Return the handler that delivers replies to a platform, which the platform's bot serves.

    None for the web: its windows read the history themselves.
    """
    return (
        None if platform == "web" else Handler(f"{platform.capitalize()}Delivery", "deliver", DeliverRequest, NoneType)
    )
