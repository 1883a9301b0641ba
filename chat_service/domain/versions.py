"""Versions of messages: a regenerated reply, or a question asked in other words. Pure functions.

Every message follows another: the one before it, or the one that it names (`Message.after`). A conversation's messages
are therefore a tree, and what is shown is one path through it. Several children of a question are replies, each with
the messages that followed it; several children of a reply are questions. Messages that are not on the path are marked
`replaced`. Readers leave those out and need not know the tree.

Only messages that `Chat` holds can be switched; messages that scrolled out stay as they were shown. Notes (messages of
the thread that are not for the bot) belong to the thread and are shown with every version.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from chat_service.contracts import Message

MAX_VERSIONS = 50
"""Versions of one message. All of them lie in the state that is loaded with every turn."""

ShownVersions = dict[int, int]
"""The child that was shown last, by the sequence number of its parent. Absent: the newest child."""


class VersionTree:
    """The messages that `Chat` holds, as a tree. Nodes are sequence numbers."""

    def __init__(self, messages: Iterable[Message], shown_versions: ShownVersions) -> None:
        held = {m.seq: m for m in messages}
        last_question = {m.turn: m.seq for m in held.values() if m.role == "user"}
        self.nodes = {seq: m for seq, m in sorted(held.items()) if m.status != "noted"}
        self._shown_versions = shown_versions
        self._parents: dict[int, int] = {}
        self._children: dict[int, list[int]] = {}
        for seq, message in self.nodes.items():
            parent = parent_seq(message)
            if message.role == "assistant":
                parent = last_question.get(message.turn, parent)
            while parent in held and parent not in self.nodes:
                parent = parent_seq(held[parent])
            self._parents[seq] = parent
            self._children.setdefault(parent, []).append(seq)

    def versions(self, message: Message) -> list[int]:
        """Return all versions of a message, oldest first, including itself.

        A question of several messages is represented by the first of them.
        """
        if message.seq not in self.nodes or message.status == "withdrawn":
            return []
        siblings = [self.nodes[seq] for seq in self._children[self._parents[message.seq]]]
        if message.role == "assistant":
            return [m.seq for m in siblings if m.role == "assistant"]
        first_of_turn: dict[int, int] = {}
        for node in self.nodes.values():
            if node.role == "user":
                first_of_turn.setdefault(node.turn, node.seq)
        found = [m.seq for m in siblings if first_of_turn.get(m.turn) == m.seq and m.status != "withdrawn"]
        return found if message.seq in found else []

    def show(self, seq: int) -> list[Message] | None:
        """Put a message, and what was last shown below it, on the shown path.

        Returns the messages whose `replaced` changed, or None when the messages shown instead have scrolled out.
        """
        path = [seq]
        while (parent := self._parents[path[-1]]) in self.nodes and self.nodes[parent].replaced:
            path.append(parent)
        if parent not in self.nodes and parent > 0 and all(self.nodes[c].replaced for c in self._children[parent]):
            return None
        self._remember_path([*path, parent])
        while children := self._children.get(path[0]):
            path.insert(0, self._last_shown(path[0], children))
        shown = set(path)
        changed = [self.nodes[s] for s in self._descendants(parent) if self.nodes[s].replaced == (s in shown)]
        for message in changed:
            message.replaced = not message.replaced
        return changed

    def _last_shown(self, parent: int, children: Sequence[int]) -> int:
        shown = self._shown_versions.get(parent, 0)
        return shown if shown in children else children[-1]

    def _remember_path(self, path: Sequence[int]) -> None:
        for child, parent in pairwise(path):
            if child == self._children[parent][-1]:
                self._shown_versions.pop(parent, None)
            else:
                self._shown_versions[parent] = child
        for parent in [seq for seq in self._shown_versions if len(self._children.get(seq, [])) < 2]:
            del self._shown_versions[parent]  # scrolled out

    def _descendants(self, parent: int) -> list[int]:
        found = list(self._children.get(parent, []))
        for seq in found:  # the list grows during the loop
            found += self._children.get(seq, [])
        return found


def parent_seq(message: Message) -> int:
    """Return the sequence number of the message that this one follows."""
    return message.seq - 1 if message.after is None else message.after


def parent_of_next(messages: Sequence[Message]) -> int | None:
    """Return the `after` of the next message: the last shown message, or None when that is the one before it."""
    skipped_replaced = False
    for message in reversed(messages):
        if message.status == "noted":
            continue
        if not message.replaced:
            return message.seq if skipped_replaced else None
        skipped_replaced = True
    return None


def annotate_versions(messages: Sequence[Message], held: Sequence[Message], shown_versions: ShownVersions) -> None:
    """Set `versions` of those `messages` that are shown. Replies without text are not counted."""
    if not any(m.replaced or m.after is not None for m in held):
        return
    tree = VersionTree(held, shown_versions)
    for message in messages:
        found = [] if message.replaced else tree.versions(message)
        if message.role == "assistant":
            found = [seq for seq in found if tree.nodes[seq].text or seq == message.seq]
        if len(found) > 1:
            message.versions = found


def reattach_children(messages: Sequence[Message], removed: Iterable[Message]) -> None:
    """Let the children of each removed message follow its parent."""
    for old in sorted(removed, key=lambda m: m.seq, reverse=True):
        for message in messages:
            if parent_seq(message) == old.seq:
                message.after = parent_seq(old)
