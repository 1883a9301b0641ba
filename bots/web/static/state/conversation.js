// The state of one conversation in this window: kept messages, the running turn, queued and outgoing messages. A page
// of the server replaces all of it; live events only fill the time until the page comes.

import { itemsOf } from './conversation-items.js';

/**
 * @import { OutgoingMessage } from '../net/outbox.js'
 * @import { ConversationEvent, DeltaEvent, StartedEvent } from '../net/types.js'
 * @import { History, Inbound, Message, RunningTurn } from '../net/types.js'
 */

/**
 * @typedef {{ until: number, why: string }} Retry when the model is called again, in ms since 1970, and why
 *
 * @typedef {'unreachable' | 'reachable' | null} ServiceState whether the chat service stopped responding during the
 *   reply
 *
 * @typedef {object} RunningState
 * @property {number} turn
 * @property {Message[]} question
 * @property {string} attempt
 * @property {string} text the preview of the reply
 * @property {Retry | null} [retry]
 * @property {ServiceState} [service]
 */

const MAX_SHOWN = 240; // above that number of messages, all but KEPT are dropped
const KEPT = 160;
const KEPT_NEWEST = 40; // also while far older messages are shown

/** @param {number} seconds @param {string} why @returns {Retry} */
const retryAfter = (seconds, why) => ({ until: Date.now() + seconds * 1000, why });

/** Return 96 random bits that are safe in a URL. `crypto.randomUUID` exists on secure origins only. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_');
}

export class Conversation {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    /** @type {Map<number, Message>} by `seq` */
    this.messages = new Map();
    /** @type {RunningState | null} */
    this.running = null;
    /** @type {Inbound[]} */
    this.waiting = [];
    /** @type {OutgoingMessage[]} */
    this.outgoing = [];
    /** @type {number | null} */
    this.nextBefore = null;
    /** @type {{ low: number, high: number } | null} Messages between are not loaded; those up to `low` are shown. */
    this.gap = null;
    this.title = '';
    this.isForgotten = false;
    this.replaceable = 0;
    this.isNew = false; // it does not exist before its first message
    this.isLoaded = false;
    this.isEntering = false; // the scroll position must be restored
    this.eventCount = 0; // shows whether a page is older than an event
    /** @type {number | null} The turn that a stop was requested for. */
    this.stopping = null;
    /** @type {string | null} */
    this.loadError = null;
    this.loadAttempts = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.reloadTimer = undefined;
    /** @type {Promise<unknown> | null} The page that is being fetched. */
    this.pageRequest = null;
  }

  get isEmpty() {
    return !this.messages.size && !this.running && !this.waiting.length && !this.outgoing.length;
  }

  get isDeleted() {
    return this.isForgotten && this.isEmpty;
  }

  get items() {
    return itemsOf(this);
  }

  knownIds() {
    const known = [...this.messages.values(), ...(this.running?.question ?? []), ...this.waiting];
    return new Set(known.map((message) => message.id));
  }

  // --- pages of the server ---------------------------------------------------------------------------------

  /**
   * Apply the newest page. Older pages stay loaded if they join it; so does what is shown beyond a gap.
   * @param {History} page
   */
  applyNewestPage(page) {
    const first = page.messages[0]?.seq ?? Infinity;
    const isWhole = page.next_before == null;
    const isJoined = this.isLoaded && (this.messages.has(first) || this.messages.has(first - 1));
    const low = this.gap?.low ?? 0;
    for (const seq of this.messages.keys()) {
      if (seq >= first || isWhole || (!isJoined && seq > low)) this.messages.delete(seq);
    }
    for (const message of page.messages) this.messages.set(message.seq, message);
    if (isWhole || first <= low + 1) this.gap = null;
    if (this.gap && !isJoined) this.gap.high = first;
    else if (isWhole || (!this.gap && !isJoined)) this.nextBefore = page.next_before ?? null;
    this.applyRunning(page.running);
    this.waiting = page.waiting || [];
    this.title = page.title || '';
    this.isForgotten = Boolean(page.forgotten);
    this.replaceable = page.replaceable || 0;
    this.isLoaded = true;
    this.reconcile();
  }

  /** @param {RunningTurn | undefined} running */
  applyRunning(running) {
    const before = this.running;
    if (!running) {
      this.running = null;
      return;
    }
    const { turn, question = [], attempt = '', text = '', retry_wait: wait } = running;
    /** @type {RunningState} */
    const current = { turn, question, attempt, text };
    this.running = current;
    if (wait) current.retry = retryAfter(wait.seconds, wait.reason);
    if (before?.turn !== turn) return;
    // A preview from the stream may be ahead of a page that was requested before it.
    const isAhead = before.attempt === attempt && before.text.length > text.length;
    if (isAhead || !attempt) Object.assign(current, { attempt: before.attempt, text: before.text });
    if (before.retry || isAhead) current.retry = before.retry;
    if (before.attempt === current.attempt) current.service = before.service;
  }

  /** @param {History} page */
  addOlderPage(page) {
    for (const message of page.messages) if (!this.messages.has(message.seq)) this.messages.set(message.seq, message);
    this.nextBefore = page.next_before ?? null;
  }

  /**
   * Show a page far above. Only the newest messages stay loaded besides.
   * @param {History} page
   */
  showDistantPage(page) {
    this.closeGap();
    const high = Math.min(...this.messages.keys());
    this.addOlderPage(page);
    const low = page.messages.at(-1)?.seq ?? 0;
    this.gap = low && low < high - 1 ? { low, high } : null;
  }

  /**
   * Add the page below what is shown above a gap. The last one closes the gap.
   * @param {History} page
   * @param {number} before the `before` that the page was requested with
   */
  addNewerPage(page, before) {
    if (!this.gap) return;
    for (const message of page.messages) if (message.seq < this.gap.high) this.messages.set(message.seq, message);
    this.gap.low = Math.max(before - 1, page.messages.at(-1)?.seq ?? 0);
    if (this.gap.low >= this.gap.high - 1) this.gap = null;
  }

  // --- how much is shown -----------------------------------------------------------------------------------

  /** Drop messages at the top when too many are shown. They are fetched again when they are needed. */
  trimAbove() {
    const shown = this.shownSeqs();
    if (shown.length <= MAX_SHOWN) return;
    this.nextBefore = shown[shown.length - KEPT];
    for (const seq of shown.slice(0, -KEPT)) this.messages.delete(seq);
  }

  /** Drop messages below when too many are shown, except the newest. */
  trimBelow() {
    const shown = this.shownSeqs();
    if (shown.length <= MAX_SHOWN) return;
    const low = shown[KEPT - 1];
    const high = this.gap?.high ?? shown[shown.length - KEPT_NEWEST];
    for (const seq of shown) if (seq > low && seq < high) this.messages.delete(seq);
    this.gap = { low, high };
  }

  shownSeqs() {
    const { gap } = this;
    return [...this.messages.keys()].filter((seq) => !gap || seq <= gap.low).sort((a, b) => a - b);
  }

  /** Return to the newest messages: drop what is shown above the gap. */
  closeGap() {
    if (!this.gap) return;
    for (const seq of this.messages.keys()) if (seq <= this.gap.low) this.messages.delete(seq);
    this.nextBefore = this.gap.high;
    this.gap = null;
  }

  // --- live events -----------------------------------------------------------------------------------------

  /**
   * Apply a live event. Return whether the newest page must be fetched to know the result.
   * @param {ConversationEvent} event
   */
  applyEvent(event) {
    if (event.kind !== 'delta') this.eventCount += 1;
    switch (event.kind) {
      case 'waiting':
        if (!this.knownIds().has(event.message.id)) this.waiting.push(event.message);
        this.reconcile();
        return Boolean(event.trimmed);
      case 'started':
        return this.startTurn(event);
      case 'delta':
        return this.appendDelta(event);
      case 'retry':
        if (this.running?.turn !== event.turn) return true;
        this.running.retry = retryAfter(event.seconds ?? 0, event.text ?? '');
        this.running.service = null;
        return false;
      case 'unreachable':
      case 'reachable':
        if (this.running) this.running.service = event.kind;
        return false;
      case 'ended':
        return false; // `done` follows when the history has the reply
      default:
        return true;
    }
  }

  /** @param {StartedEvent} event */
  startTurn({ turn, attempt = '', question, trimmed }) {
    const before = this.running;
    if (before && before.turn !== turn) this.keepRunningTurn(before);
    let { running } = this;
    if (!running || running.attempt !== attempt) {
      running = { turn, question: question || running?.question || [], attempt, text: '' };
      this.running = running;
    }
    const asked = new Set(running.question.map((message) => message.id));
    this.waiting = this.waiting.filter((message) => !asked.has(message.id));
    this.reconcile();
    // Only the history knows what an edit replaces, and how many versions there are.
    if (running.question[0]?.after != null) return true;
    const isTurnKnown = asked.size || [...this.messages.values()].some((message) => message.turn === turn);
    return Boolean(trimmed) || !isTurnKnown;
  }

  /**
   * Keep the preview of a turn as its reply: the next turn starts before a page says how this one ended.
   * @param {RunningState} running
   */
  keepRunningTurn({ turn, text, question }) {
    for (const message of question) this.messages.set(message.seq, message);
    const seq = Math.max(0, ...this.messages.keys()) + 0.5; // the next page replaces it: real numbers are whole
    this.messages.set(seq, { seq, turn, role: 'assistant', text, status: 'answered' });
    this.running = null;
  }

  /** @param {DeltaEvent} event */
  appendDelta({ turn, attempt = '', offset = 0, text }) {
    const { running } = this;
    if (running?.turn !== turn) return true;
    if (running.attempt !== attempt) {
      if (offset) return true;
      Object.assign(running, { attempt, text: '' });
    }
    if (offset > running.text.length) return true; // a delta was lost
    running.text = running.text.slice(0, offset) + text;
    running.retry = null;
    running.service = null;
    return false;
  }

  /**
   * The server has accepted a message.
   * @param {Inbound} message
   */
  markAccepted(message) {
    const index = this.outgoing.findIndex((outgoing) => outgoing.id === message.id);
    if (index < 0) return;
    this.outgoing.splice(index, 1);
    if (!this.knownIds().has(message.id)) this.waiting.push(message);
  }

  reconcile() {
    const known = this.knownIds();
    this.outgoing = this.outgoing.filter((message) => !known.has(message.id));
    if (this.stopping !== this.running?.turn) this.stopping = null;
  }
}
