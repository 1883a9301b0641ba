// Tells screen readers when a reply starts and ends.

import { newestReply } from '../state/message-versions.js';
import { setText } from './dom.js';

/** @import { Conversation } from '../state/conversation.js' */

/** @type {Record<string, string>} */
const ENDINGS = { answered: 'The reply is complete.', stopped: 'The reply was stopped.', failed: 'The reply failed.' };

export class Announcer {
  /** @param {HTMLElement} node a live region */
  constructor(node) {
    this.node = node;
    /** @type {{ id: string, isLoaded: boolean, turn: number | undefined, reply: number } | undefined} */
    this.last = undefined;
  }

  /**
   * Announce what has changed since the last call.
   * @param {Conversation} conversation
   */
  update({ id, isLoaded, messages, running }) {
    const newest = newestReply(messages.values());
    const turn = running?.turn;
    const reply = Math.ceil(newest?.seq ?? 0); // a reply without a page of the server has the half before its number
    const before = this.last?.id === id ? this.last : undefined;
    this.last = { id, isLoaded, turn, reply };
    if (before?.turn === turn && before?.reply === reply) return;
    // A reply may start and fail between two frames: it is announced, too.
    const endedTurn = before?.turn && before.turn !== turn ? newestReply(messages.values(), before.turn) : undefined;
    const ended = endedTurn ?? (before?.isLoaded && reply > before.reply ? newest : undefined);
    const ending = (ended && ENDINGS[ended.status]) || '';
    const isStarting = running && before?.turn !== turn;
    const start = isStarting && (ending ? 'The next one begins.' : 'The reply begins.');
    const text = [ending, start].filter(Boolean).join(' ');
    if (text) this.announce(text);
  }

  /**
   * Trap: a screen reader reads changes only; the same text once more needs a difference.
   * @param {string} text
   */
  announce(text) {
    setText(this.node, this.node.textContent === text ? `${text}\u00a0` : text);
  }
}
