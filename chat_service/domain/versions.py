"""Versions of what was said: a reply answered anew, a question asked in other words. Pure functions.

Every message follows another: the one before it, or the one that it names (`Message.after`), so that what a
conversation holds is a tree, and what is shown is one path through it. A fork below a question are replies, each
with what followed it; a fork below a reply are questions. What is not on the path is marked `replaced`: whoever
reads a conversation leaves that out and need not know the tree.

Only what `Chat` holds can be switched; what scrolls out stays as it was shown. Notes (what was said in the thread
without the bot) belong to the thread, whichever version is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from chat_service.contracts import Message

MAX_VERSIONS = 50
"""Of one message: all of them lie in the state that is loaded with every turn."""

ShownVersions = dict[int, int]
"""By message, which of those that follow it was shown last; absent where it is the newest."""


class VersionTree:
    """The messages that `Chat` holds, as they follow each other."""

    def __init__(self, messages: Iterable[Message], picked: ShownVersions) -> None:
        held = {m.seq: m for m in messages}
        last_line = {m.turn: m.seq for m in held.values() if m.role == "user"}
        self.nodes = {seq: m for seq, m in sorted(held.items()) if m.status != "noted"}
        self._picked = picked
        self._above: dict[int, int] = {}
        self._below: dict[int, list[int]] = {}
        for seq, message in self.nodes.items():
            above = parent_seq(message)
            if message.role == "assistant":
                above = last_line.get(message.turn, above)
            while above in held and above not in self.nodes:
                above = parent_seq(held[above])
            self._above[seq] = above
            self._below.setdefault(above, []).append(seq)

    def versions(self, message: Message) -> list[int]:
        """All versions of a message, the oldest first, itself among them; a question is named by its first line."""
        if message.seq not in self.nodes or message.status == "withdrawn":
            return []
        beside = (self.nodes[seq] for seq in self._below[self._above[message.seq]])
        if message.role == "assistant":
            return [m.seq for m in beside if m.role == "assistant"]
        first: dict[int, int] = {}
        for one in self.nodes.values():
            if one.role == "user":
                first.setdefault(one.turn, one.seq)
        found = [m.seq for m in beside if first.get(m.turn) == m.seq and m.status != "withdrawn"]
        return found if message.seq in found else []

    def show(self, seq: int) -> list[Message] | None:
        """Put a message, and what was shown below it last, on the path; gives what changed, None when it cannot be:
        what is shown in its stead has scrolled out."""
        path = [seq]
        while (above := self._above[path[-1]]) in self.nodes and self.nodes[above].replaced:
            path.append(above)
        if above not in self.nodes and above > 0 and all(self.nodes[one].replaced for one in self._below[above]):
            return None
        self._pick([*path, above])
        while below := self._below.get(path[0]):
            path.insert(0, self._choice(path[0], below))
        shown = set(path)
        changed = [self.nodes[one] for one in self._under(above) if self.nodes[one].replaced == (one in shown)]
        for message in changed:
            message.replaced = not message.replaced
        return changed

    def _choice(self, above: int, below: Sequence[int]) -> int:
        picked = self._picked.get(above, 0)
        return picked if picked in below else below[-1]

    def _pick(self, path: Sequence[int]) -> None:
        for below, above in pairwise(path):
            if below == self._below[above][-1]:
                self._picked.pop(above, None)
            else:
                self._picked[above] = below
        for above in [one for one in self._picked if len(self._below.get(one, [])) < 2]:
            del self._picked[above]  # scrolled out

    def _under(self, above: int) -> list[int]:
        found = list(self._below.get(above, []))
        for seq in found:  # grows as it goes
            found += self._below.get(seq, [])
        return found


def parent_seq(message: Message) -> int:
    """The number of the message that this one follows."""
    return message.seq - 1 if message.after is None else message.after


def parent_of_next(messages: Sequence[Message]) -> int | None:
    """What the next message is to name as the one it follows: None, as long as that is the one before it."""
    hidden = False
    for message in reversed(messages):
        if message.status == "noted":
            continue
        if not message.replaced:
            return message.seq if hidden else None
        hidden = True
    return None


def annotate_versions(messages: Sequence[Message], held: Sequence[Message], picked: ShownVersions) -> None:
    """Write the versions of those `messages` that are shown into them; replies that say nothing are none."""
    if not any(m.replaced or m.after is not None for m in held):
        return
    tree = VersionTree(held, picked)
    for message in messages:
        found = [] if message.replaced else tree.versions(message)
        if message.role == "assistant":
            found = [seq for seq in found if tree.nodes[seq].text or seq == message.seq]
        if len(found) > 1:
            message.versions = found


def reattach_children(messages: Sequence[Message], gone: Iterable[Message]) -> None:
    """Let what followed a message that goes follow the one before that."""
    for old in sorted(gone, key=lambda m: m.seq, reverse=True):
        for message in messages:
            if parent_seq(message) == old.seq:
                message.after = parent_seq(old)
