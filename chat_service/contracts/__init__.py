"""Requests and results of the Restate handlers: the interface between the bots and the conversations.

They are pydantic models, so that Restate derives a JSON schema and its playground shows a form. Every field beyond the
simplest payload (`{"message": "hi"}`) is optional.
"""

from __future__ import annotations

from chat_service.contracts.base import Contract, Time, utc
from chat_service.contracts.delivery import DeliverRequest, DeliveryReport, QuestionMessage
from chat_service.contracts.directory import DirectoryEntry, DirectoryPage, DirectoryRequest
from chat_service.contracts.history import (
    Export,
    ExportRequest,
    History,
    HistoryRequest,
    RunningTurn,
    SearchRequest,
    SearchResult,
)
from chat_service.contracts.messages import (
    MAX_ATTACHMENTS,
    MAX_INLINE,
    MAX_TEXT,
    Attachment,
    Author,
    CutOff,
    Inbound,
    Message,
    Notes,
    Rating,
    Reply,
    Status,
    Usage,
    is_blank,
)
from chat_service.contracts.settings import (
    ConfigureRequest,
    Overrides,
    RenameRequest,
    Setting,
    SettingName,
    SettingsView,
)
from chat_service.contracts.turns import (
    AcceptedMessage,
    ChooseRequest,
    ContinueRequest,
    EditRequest,
    FeedbackRequest,
    RecoverRequest,
    RedactRequest,
    StopRequest,
    StopResult,
    TurnRequest,
    WithdrawRequest,
)

__all__ = [
    "MAX_ATTACHMENTS",
    "MAX_INLINE",
    "MAX_TEXT",
    "AcceptedMessage",
    "Attachment",
    "Author",
    "ChooseRequest",
    "ConfigureRequest",
    "ContinueRequest",
    "Contract",
    "CutOff",
    "DeliverRequest",
    "DeliveryReport",
    "DirectoryEntry",
    "DirectoryPage",
    "DirectoryRequest",
    "EditRequest",
    "Export",
    "ExportRequest",
    "FeedbackRequest",
    "History",
    "HistoryRequest",
    "Inbound",
    "Message",
    "Notes",
    "Overrides",
    "QuestionMessage",
    "Rating",
    "RecoverRequest",
    "RedactRequest",
    "RenameRequest",
    "Reply",
    "RunningTurn",
    "SearchRequest",
    "SearchResult",
    "Setting",
    "SettingName",
    "SettingsView",
    "Status",
    "StopRequest",
    "StopResult",
    "Time",
    "TurnRequest",
    "Usage",
    "WithdrawRequest",
    "is_blank",
    "utc",
]
