// Messages on their way to the server: one at a time per conversation, in the order they were written. A failed message
// holds back the later ones. Each message has an id from the start, so sending it again is harmless. Until the server
// has accepted it, each is one record in the browser's local storage: a reload loses none, windows do not overwrite
// each other's messages, and all windows of the browser show and send the same outbox.

import { storage } from '../state/storage.js';
import { ApiError, api, IDENTITY_CHANGED } from './api.js';

/**
 * @import { Conversation } from '../state/conversation.js'
 * @import { Inbound } from './types.js'
 */

/**
 * A message that the server has not accepted yet.
 * @typedef {Inbound & { error: string | null, isStored: boolean, isTried?: boolean, isRefused?: boolean,
 *   refusals?: number }} OutgoingMessage
 */

const RETRY_MS = [1000, 2000, 4000, 8000, 15_000];
const KIND = 'outbox';

// Ids of conversations and of messages contain no colon.
/** @param {string} conversation @param {string} id */
const recordId = (conversation, id) => `${conversation}:${id}`;

/**
 * @template {Inbound} T
 * @param {T[]} messages
 */
const sortByTime = (messages) => messages.sort((a, b) => a.at.localeCompare(b.at));

/**
 * Return the stored messages of a conversation, in the order they were written.
 * @param {string} conversation
 * @returns {Inbound[]}
 */
export function storedMessages(conversation) {
  const ids = storage.ids(KIND).filter((id) => id.startsWith(`${conversation}:`));
  const found = ids.map((id) => /** @type {Inbound | null} */ (storage.read(KIND, id)));
  return sortByTime(found.filter((message) => message !== null));
}

/** Return the ids of the conversations that have stored messages. */
export const conversationsWithStoredMessages = () => new Set(storage.ids(KIND).map((id) => id.split(':')[0]));

/** @param {(conversation: string) => void} callback called when another window adds or removes a message */
export function onOutboxChange(callback) {
  storage.onChange(KIND, (id) => callback(id.split(':')[0]));
}

// Only one window sends at a time. Without locks (the origin is not secure) two windows may send the same message,
// which the server recognizes by its id.
/**
 * @param {string} conversation
 * @param {() => Promise<boolean>} act
 * @returns {Promise<boolean>}
 */
async function withLock(conversation, act) {
  return navigator.locks ? await navigator.locks.request(`threadwell:${KIND}:${conversation}`, act) : act();
}

/** Sends the messages of one conversation. */
export class Outbox {
  /**
   * @param {Conversation} conversation
   * @param {() => void} onChange called when something must be drawn
   * @param {() => void} onAccepted called when the server has accepted a message
   */
  constructor(conversation, onChange, onAccepted) {
    this.conversation = conversation;
    this.onChange = onChange;
    this.onAccepted = onAccepted;
    this.attempts = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.isSending = false;
    this.syncWithStorage();
  }

  /** @param {Inbound} message */
  add(message) {
    const { outgoing, id } = this.conversation;
    // The time defines the order, also of two messages within a millisecond, or when the clock is set back.
    const last = outgoing.at(-1);
    if (last && last.at >= message.at) message.at = new Date(Date.parse(last.at) + 1).toISOString();
    const isStored = storage.write(KIND, recordId(id, message.id), message);
    outgoing.push({ ...message, error: null, isStored });
    this.send();
  }

  /**
   * Remove a message and return it.
   * @param {string} id
   */
  remove(id) {
    const { outgoing } = this.conversation;
    const removed = outgoing.find((message) => message.id === id);
    if (removed) outgoing.splice(outgoing.indexOf(removed), 1);
    this.removeRecord(id);
    this.onChange();
    return removed;
  }

  /** @param {string} id */
  removeRecord(id) {
    storage.write(KIND, recordId(this.conversation.id, id), null);
  }

  /** Remove all messages: the conversation is deleted. */
  clear() {
    clearTimeout(this.timer);
    for (const message of this.conversation.outgoing.splice(0)) this.removeRecord(message.id);
  }

  /** Add what other windows have stored, remove what they have sent or cancelled. Return whether any was removed. */
  syncWithStorage() {
    const { conversation } = this;
    const known = conversation.knownIds();
    const before = new Map(conversation.outgoing.map((message) => [message.id, message]));
    const unstored = conversation.outgoing.filter((message) => !message.isStored); // storage is full or switched off
    const stored = storedMessages(conversation.id);
    for (const { id } of stored) if (known.has(id)) this.removeRecord(id);
    const unsent = stored.filter((message) => !known.has(message.id));
    const outgoing = unsent.map((message) => before.get(message.id) || { ...message, error: null, isStored: true });
    conversation.outgoing = sortByTime([...outgoing, ...unstored]);
    return [...before.keys()].some((id) => !conversation.outgoing.some((message) => message.id === id));
  }

  /** Another window stored or removed a message. That window sends first; if it cannot, this one does. */
  handleStorageChange() {
    if (this.syncWithStorage()) this.onAccepted();
    if (this.conversation.outgoing.length && !this.isSending) this.sendLater();
    this.onChange();
  }

  /** Retry at once: the user asked for it, or the connection is back. */
  retryNow() {
    clearTimeout(this.timer);
    this.attempts = 0;
    for (const message of this.conversation.outgoing) message.isRefused = false;
    this.send();
  }

  async send() {
    if (this.isSending) return;
    this.isSending = true;
    let hasMore = false;
    try {
      hasMore = await withLock(this.conversation.id, () => this.sendOldest());
    } finally {
      this.isSending = false;
      this.onChange();
    }
    if (hasMore) this.send();
  }

  /** Send the oldest message. Return whether the next one can be sent at once. */
  async sendOldest() {
    if (this.syncWithStorage()) this.onAccepted(); // another window sent it while this one waited for the lock
    const outgoing = this.conversation.outgoing.find((message) => !message.isRefused);
    if (!outgoing) return false;
    outgoing.error = null;
    this.onChange();
    outgoing.isTried = true;
    const { id, message, at, attachments, replaces } = outgoing;
    const inbound = { id, message, at, attachments, replaces };
    try {
      await api.send(this.conversation.id, { ...inbound, again: outgoing.refusals || 0 });
      this.attempts = 0;
      this.removeRecord(id);
      this.conversation.markAccepted(inbound);
      this.onAccepted();
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === IDENTITY_CHANGED) this.clear(); // the new identity must never send it
      // The server stores a refusal for want of room under the idempotency key: the next try needs another key.
      if (error.status === 429) outgoing.refusals = (outgoing.refusals || 0) + 1;
      outgoing.error = error.message;
      outgoing.isRefused = error.isFinal;
      if (!error.isFinal) this.sendLater();
      return error.isFinal;
    }
  }

  sendLater() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.send(), RETRY_MS[Math.min(this.attempts, RETRY_MS.length - 1)]);
    this.attempts += 1;
  }
}
