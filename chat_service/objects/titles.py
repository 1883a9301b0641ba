"""Titles write themselves: beside the conversation, after its first turns, and never over a rename."""

from __future__ import annotations

import logging
import re

from restate import Context, RunOptions, Service

from chat_service import runtime
from chat_service.contracts import Contract, Message
from chat_service.domain import context
from chat_service.models.completion import ask
from chat_service.models.protocol import ModelError, Prompt, PromptMessage
from chat_service.objects import invocation_policy
from chat_service.objects.chat_client import send_to_chat

log = logging.getLogger(__name__)

MAX_CHARACTERS = 60
MAX_TOKENS = 24
EXCERPT = 600
INSTRUCTION = (
    "Write a title for this conversation: at most five words, in its language. "
    "Answer with the title alone, without quotation marks."
)

service = Service(
    "Titles",
    description="Writes the titles of conversations.",
    ingress_private=True,
    invocation_retry_policy=invocation_policy.PATIENT,
    journal_retention=invocation_policy.NONE,
)


class TitleRequest(Contract):
    """The beginning of a conversation."""

    conversation: str
    epoch: int
    messages: list[Message]


class Written(Contract):
    """A title, and the `title_epoch` it belongs to."""

    epoch: int
    title: str


@service.handler()
async def write(ctx: Context, request: TitleRequest) -> None:
    """Ask the model for a title. A model that fails, or says nothing usable, costs nothing but the title."""

    async def write_title() -> str:
        try:
            return await ask(runtime.current().models, _prompt(request.messages))
        except ModelError as error:
            log.info("no title for %s: %s", request.conversation, error.message)
            return ""

    title = tidied(await ctx.run_typed("title", write_title, RunOptions(max_attempts=2)))
    if title:
        send_to_chat(ctx, request.conversation, "apply_title", Written(epoch=request.epoch, title=title))


def _prompt(messages: list[Message]) -> Prompt:
    talk = "\n".join(
        f"{'Person' if m.role == 'user' else 'Assistant'}: {' '.join(m.text.split())[:EXCERPT]}" for m in messages
    )
    return Prompt(
        messages=(PromptMessage("user", f"{INSTRUCTION}\n\n{talk}"),),
        temperature=0.2,
        max_output_tokens=MAX_TOKENS,
    )


def tidied(said: str) -> str:
    """One short line out of what a model calls a title; empty when there is none."""
    line = next((line.strip() for line in said.splitlines() if line.strip()), "")
    line = re.sub(r"^(?:#+\s*|title\s*:\s*)", "", line, flags=re.IGNORECASE)
    if "|" in line:  # a table is no title
        return ""
    line = re.sub(r"[*_`]+", "", line).strip(" \t\"'“”„«»#.")
    line = context.safe_name(line) if line else ""
    if len(line) <= MAX_CHARACTERS:
        return line
    if re.search(r"[.!?…。！？]\s", line):  # a small model that talks instead: whole sentences are no title
        return ""
    return line[:MAX_CHARACTERS].rsplit(" ", 1)[0] + "…"
