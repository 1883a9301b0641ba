// The conversations that this window knows. Keeps them up to date with pages and live events, and sends user actions.

import { ApiError, api } from '../net/api.js';
import { conversationsWithStoredMessages, Outbox, onOutboxChange, storedMessages } from '../net/outbox.js';
import { Conversation, newId } from './conversation.js';
import { PAGE } from './history-pages.js';
import { newestReply } from './message-versions.js';

/**
 * @import { Attachment, ConversationEvent, LiveEvent } from '../net/types.js'
 * @import { ReplyItem } from './conversation-items.js'
 */

/**
 * @typedef {object} StoreListener
 * @property {(conversation: Conversation) => void} onChange something must be drawn
 * @property {() => void} onListChange the list of conversations may have changed
 * @property {(id: string) => void} onReplyDone
 * @property {() => void} onOnlineChange
 * @property {(id: string) => void} onOutboxChange another window has unsent messages for the conversation
 */

const KEPT = 12;
const MAX_REFETCHES = 3;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
/** Events that change nothing in the list of conversations. */
const NOT_LISTED = new Set(['delta', 'ended', 'unreachable', 'reachable']);

export class Store {
  /**
   * @param {StoreListener} listener
   * @param {Promise<unknown>} markdownReady a page is shown after it, or replies would appear unformatted for a moment
   */
  constructor(listener, markdownReady) {
    this.listener = listener;
    this.markdownReady = markdownReady;
    /** @type {Map<string, Conversation>} by id, the most recently opened last */
    this.conversations = new Map();
    /** @type {Map<string, Outbox>} */
    this.outboxes = new Map();
    /** @type {Map<string, Promise<void>>} */
    this.refreshing = new Map();
    /** @type {Conversation | null} */
    this.current = null;
    /** @type {boolean | null} */
    this.isOnline = null;
    for (const id of conversationsWithStoredMessages()) this.outbox(id).retryNow();
    onOutboxChange((id) => {
      const hasMessages = storedMessages(id).length > 0;
      if (this.conversations.has(id) || hasMessages) this.outbox(id).handleStorageChange();
      if (hasMessages) listener.onOutboxChange(id);
    });
  }

  /** @param {string} id */
  conversation(id) {
    const known = this.conversations.get(id);
    if (known) return known;
    const conversation = new Conversation(id);
    this.conversations.set(id, conversation);
    const onChange = () => this.listener.onChange(conversation);
    const onAccepted = () => !this.isOnline && this.refresh(conversation);
    this.outboxes.set(id, new Outbox(conversation, onChange, onAccepted));
    return conversation;
  }

  /** @param {string} id @returns {Outbox} */
  outbox(id) {
    this.conversation(id);
    return /** @type {Outbox} */ (this.outboxes.get(id));
  }

  openNew() {
    const conversation = this.conversation(newId());
    conversation.isLoaded = true;
    conversation.isNew = true;
    this.current = conversation;
    this.dropOldest();
    return conversation;
  }

  /** @param {string} id */
  open(id) {
    const conversation = this.conversation(id);
    this.current = conversation;
    this.conversations.delete(id);
    this.conversations.set(id, conversation);
    this.dropOldest();
    this.refresh(conversation);
    return conversation;
  }

  dropOldest() {
    for (const [id, conversation] of this.conversations) {
      if (this.conversations.size <= KEPT) return;
      if (conversation === this.current || conversation.outgoing.length) continue;
      this.conversations.delete(id);
      this.outboxes.delete(id);
    }
  }

  // --- pages -----------------------------------------------------------------------------------------------

  /**
   * Fetch the newest page, one request at a time. It is fetched once more if an event came meanwhile.
   * @param {Conversation} conversation
   * @returns {Promise<void>}
   */
  refresh(conversation) {
    const { id } = conversation;
    if (conversation.isNew) return Promise.resolve();
    let refreshing = this.refreshing.get(id);
    if (!refreshing) {
      refreshing = this.fetchNewest(conversation).finally(() => this.refreshing.delete(id));
      this.refreshing.set(id, refreshing);
    }
    return refreshing;
  }

  /** @param {Conversation} conversation */
  async fetchNewest(conversation) {
    clearTimeout(conversation.reloadTimer);
    for (let fetches = 0; ; fetches += 1) {
      const { eventCount } = conversation;
      let page;
      try {
        page = await api.history(conversation.id, null, PAGE);
        await this.markdownReady;
      } catch (error) {
        this.handleLoadError(conversation, error);
        return;
      }
      conversation.loadError = null;
      conversation.loadAttempts = 0;
      const isCurrent = conversation.eventCount === eventCount;
      // A page that is older than an event would show an old state for a moment. The number of tries is limited.
      if (!isCurrent && conversation.isLoaded && fetches < MAX_REFETCHES) continue;
      conversation.applyNewestPage(page);
      this.listener.onChange(conversation);
      if (isCurrent) return;
    }
  }

  /** @param {Conversation} conversation @param {unknown} error */
  handleLoadError(conversation, error) {
    if (!(error instanceof ApiError)) throw error;
    conversation.loadError = error.message;
    if (conversation === this.current && !error.isFinal) {
      const pause = RETRY_MS[Math.min(conversation.loadAttempts, RETRY_MS.length - 1)];
      conversation.loadAttempts += 1;
      conversation.reloadTimer = setTimeout(() => this.refresh(conversation), pause);
    }
    this.listener.onChange(conversation);
  }

  // --- live events -----------------------------------------------------------------------------------------

  /** @param {LiveEvent} event */
  handleEvent(event) {
    if (event.kind === 'hello') return;
    if (event.kind === 'resync') {
      for (const conversation of this.conversations.values()) conversation.eventCount += 1;
      this.refreshAll();
      return;
    }
    if (event.kind === 'done') this.listener.onReplyDone(event.conversation);
    if (!NOT_LISTED.has(event.kind)) this.listener.onListChange();
    this.applyEvent(event);
  }

  /** @param {ConversationEvent} event */
  applyEvent(event) {
    const conversation = this.conversations.get(event.conversation);
    if (!conversation || conversation.isNew) return;
    const needsRefresh = conversation.applyEvent(event);
    if (conversation !== this.current) return;
    if (needsRefresh) this.refresh(conversation);
    this.listener.onChange(conversation);
  }

  refreshAll() {
    if (this.current) this.refresh(this.current);
    this.listener.onListChange();
  }

  /** @param {boolean} isOnline */
  setOnline(isOnline) {
    if (this.isOnline === isOnline) return;
    const isBack = isOnline && this.isOnline === false;
    this.isOnline = isOnline;
    if (isBack) {
      this.refreshAll();
      for (const outbox of this.outboxes.values()) outbox.retryNow();
    }
    this.listener.onOnlineChange();
  }

  // --- user actions ----------------------------------------------------------------------------------------

  /**
   * @param {Conversation} conversation
   * @param {string} message
   * @param {Attachment[]} attachments
   * @param {number} [replaces] the `seq` of the question that is edited
   */
  send(conversation, message, attachments, replaces) {
    conversation.isNew = false;
    this.outbox(conversation.id).add({ id: newId(), message, at: new Date().toISOString(), attachments, replaces });
  }

  /** @param {Conversation} conversation @throws {ApiError} */
  async stop(conversation) {
    const turn = conversation.running?.turn;
    if (turn === undefined) return;
    conversation.stopping = turn;
    this.listener.onChange(conversation);
    try {
      await api.stop(conversation.id, turn);
    } catch (error) {
      conversation.stopping = null;
      throw error;
    } finally {
      this.listener.onChange(conversation);
    }
  }

  /**
   * Cancel a queued message and return it, or undefined if its turn has started.
   * @param {Conversation} conversation
   * @param {string} id
   * @throws {ApiError}
   */
  async withdraw(conversation, id) {
    const { messages } = await api.withdraw(conversation.id, id);
    conversation.waiting = conversation.waiting.filter((message) => message.id !== id);
    this.refresh(conversation); // not awaited: the caller must put the text back, which exists nowhere else now
    return messages.at(0);
  }

  /** @param {Conversation} conversation @param {ReplyItem} item @throws {ApiError} */
  async regenerate(conversation, { data }) {
    // The newest version is named, also while an older one is shown: each can be regenerated once.
    await api.regenerate(conversation.id, data.turn, newestReply(conversation.messages.values(), data.turn)?.seq);
  }

  /** @param {Conversation} conversation @param {ReplyItem} item @throws {ApiError} */
  async continueReply(conversation, { data }) {
    await api.continueReply(conversation.id, { ...data, seq: data.seq ?? 0 });
  }

  /** @param {Conversation} conversation @param {number} seq @throws {ApiError} */
  async chooseVersion(conversation, seq) {
    await api.chooseVersion(conversation.id, seq);
    await this.refresh(conversation);
  }

  /** @param {Conversation} conversation */
  resend(conversation) {
    this.outbox(conversation.id).retryNow();
  }

  /**
   * Remove an unsent message and return it. It is also withdrawn: the server may have it if only its response was lost.
   * @param {Conversation} conversation
   * @param {string} id
   */
  discard(conversation, id) {
    const removed = this.outbox(conversation.id).remove(id);
    if (removed?.isTried) api.withdraw(conversation.id, id).catch(() => {});
    return removed;
  }

  /** @param {string} id */
  forget(id) {
    this.outboxes.get(id)?.clear();
    this.conversations.delete(id);
    this.outboxes.delete(id);
  }
}
