"""All Restate objects and services that the chat service serves."""

from __future__ import annotations

from chat_service.objects.background import background
from chat_service.objects.channel import channel
from chat_service.objects.chat import chat
from chat_service.objects.directory import directory
from chat_service.objects.invitation import invitation
from chat_service.objects.queue import queue
from chat_service.objects.quota import quota
from chat_service.objects.transcript import transcript

SERVICES = (chat, queue, transcript, directory, channel, quota, background, invitation)
