// What the page knows of one conversation: what is kept, what runs, what waits, what is on its way out.
// Everything here is replaced by the server's word as soon as it comes; previews only fill the time until then.

import { asQuestion, inSight, inVain, linesOf } from './versions.js';

const MOST = 240; // messages shown at once, and how many are left when they are more
const KEPT = 160;
const TAIL = 40; // the newest, kept also while far older ones are shown

const pauseFrom = (seconds, why) => ({ until: Date.now() + seconds * 1000, why });

export class Conversation {
  constructor(id) {
    this.id = id;
    this.messages = new Map(); // by seq
    this.running = null; // { turn, question, attempt, text, retry, service }
    this.waiting = [];
    this.outgoing = []; // { id, message, at, attachments, replaces, error, refused, kept }
    this.nextBefore = null;
    this.gap = null; // { low, high }: what lies between is not loaded, and messages up to `low` are shown
    this.title = '';
    this.forgotten = false;
    this.replaceable = 0; // the first message that can still be changed
    this.loaded = false;
    this.heard = 0; // events that a page asked for before them cannot know
    this.stopping = null; // the turn a stop was asked for
  }

  // The newest page. What was loaded of older pages stays, as long as the two join up; so does what is shown far up.
  take(page) {
    const first = page.messages[0]?.seq ?? Infinity;
    const whole = page.next_before == null;
    const joined = this.loaded && (this.messages.has(first) || this.messages.has(first - 1));
    const far = this.gap?.low ?? 0;
    for (const seq of this.messages.keys()) {
      if (seq >= first || whole || (!joined && seq > far)) this.messages.delete(seq);
    }
    for (const message of page.messages) this.messages.set(message.seq, message);
    if (whole || first <= far + 1) this.gap = null;
    if (this.gap && !joined) this.gap.high = first;
    else if (whole || (!this.gap && !joined)) this.nextBefore = page.next_before ?? null;
    this.takeRunning(page.running);
    this.waiting = page.waiting || [];
    this.title = page.title || '';
    this.forgotten = Boolean(page.forgotten);
    this.replaceable = page.replaceable || 0;
    this.loaded = true;
    this.settle();
  }

  takeRunning(running) {
    const said = this.running;
    this.running = running ? { attempt: '', text: '', question: [], ...running } : null;
    if (running?.pause) this.running.retry = pauseFrom(running.pause.seconds, running.pause.why);
    if (!said || !this.running || said.turn !== this.running.turn) return;
    // A preview that came over the stream may be ahead of the page that was asked for before it.
    const ahead = said.attempt === this.running.attempt && said.text.length > this.running.text.length;
    if (ahead || !this.running.attempt) Object.assign(this.running, { attempt: said.attempt, text: said.text });
    if (said.retry || ahead) this.running.retry = said.retry;
    if (said.attempt === this.running.attempt) this.running.service = said.service;
  }

  takeOlder(page) {
    for (const message of page.messages) if (!this.messages.has(message.seq)) this.messages.set(message.seq, message);
    this.nextBefore = page.next_before ?? null;
  }

  // A page from far up takes the place of everything but the newest messages.
  takeAround(page) {
    if (this.gap) this.leaveFar();
    const high = Math.min(...this.messages.keys());
    this.takeOlder(page);
    const low = page.messages.at(-1)?.seq ?? 0;
    this.gap = low && low < high - 1 ? { low, high } : null;
  }

  // The page below what is shown far up; with the last one both join up.
  takeNewer(page, asked) {
    if (!this.gap) return;
    for (const message of page.messages) if (message.seq < this.gap.high) this.messages.set(message.seq, message);
    this.gap.low = Math.max(asked - 1, page.messages.at(-1)?.seq ?? 0);
    if (this.gap.low >= this.gap.high - 1) this.gap = null;
  }

  // What is shown stays bounded, however far somebody reads: what lies beyond one end goes, and is asked for again.
  trimAbove() {
    const shown = this.inView();
    if (shown.length <= MOST) return;
    this.nextBefore = shown[shown.length - KEPT];
    for (const seq of shown.slice(0, -KEPT)) this.messages.delete(seq);
  }

  trimBelow() {
    const shown = this.inView();
    if (shown.length <= MOST) return;
    const low = shown[KEPT - 1];
    const high = this.gap?.high ?? shown[shown.length - TAIL];
    for (const seq of shown) if (seq > low && seq < high) this.messages.delete(seq);
    this.gap = { low, high };
  }

  inView() {
    const { gap } = this;
    return [...this.messages.keys()].filter((seq) => !gap || seq <= gap.low).sort((a, b) => a - b);
  }

  leaveFar() {
    if (!this.gap) return;
    for (const seq of this.messages.keys()) if (seq <= this.gap.low) this.messages.delete(seq);
    this.nextBefore = this.gap.high;
    this.gap = null;
  }

  settle() {
    const known = this.ids();
    this.outgoing = this.outgoing.filter((one) => !known.has(one.id));
    if (this.stopping !== this.running?.turn) this.stopping = null;
  }

  // A live event; says whether the page must be fetched to know the truth.
  hear(event) {
    if (event.kind !== 'delta') this.heard += 1;
    switch (event.kind) {
      case 'waiting':
        if (!this.ids().has(event.message.id)) this.waiting.push(event.message);
        this.settle();
        return Boolean(event.trimmed);
      case 'started':
        return this.begin(event);
      case 'delta':
        return this.extend(event);
      case 'retry':
        if (this.running?.turn !== event.turn) return true;
        this.running.retry = pauseFrom(event.seconds, event.text);
        this.running.service = null;
        return false;
      case 'away':
      case 'back': // of the chat service, while the reply said nothing
        if (this.running) this.running.service = event.kind;
        return false;
      case 'ended':
        return false; // `done` follows when the history has it
      default:
        return true;
    }
  }

  begin(event) {
    if (this.running && this.running.turn !== event.turn) this.keepRunning();
    if (this.running?.turn !== event.turn || this.running.attempt !== event.attempt) {
      const question = event.question || (this.running?.turn === event.turn ? this.running.question : []);
      this.running = { turn: event.turn, question, attempt: event.attempt, text: '' };
    }
    const asked = new Set(this.running.question.map((one) => one.id));
    this.waiting = this.waiting.filter((one) => !asked.has(one.id));
    this.settle();
    // What an edit replaces, and how many versions there are, stands in the history.
    if (this.running.question[0]?.after != null) return true;
    return Boolean(event.trimmed) || (!asked.size && ![...this.messages.values()].some((m) => m.turn === event.turn));
  }

  // The next turn begins before a page tells how the last one ended: what was seen of it stays, as it stood.
  keepRunning() {
    const { turn, text, question } = this.running;
    for (const one of question) this.messages.set(one.seq, one);
    const seq = Math.max(0, ...this.messages.keys()) + 0.5; // gives way to the real one, whose number is whole
    this.messages.set(seq, { seq, turn, role: 'assistant', text, status: 'answered' });
    this.running = null;
  }

  extend(event) {
    const offset = event.offset || 0;
    if (this.running?.turn !== event.turn) return true;
    if (this.running.attempt !== event.attempt) {
      if (offset) return true;
      Object.assign(this.running, { attempt: event.attempt, text: '' });
    }
    if (offset > this.running.text.length) return true; // something was lost on the way
    this.running.text = this.running.text.slice(0, offset) + event.text;
    this.running.retry = null;
    this.running.service = null;
    return false;
  }

  // The server has taken a message that was on its way.
  accepted(one) {
    const at = this.outgoing.findIndex((other) => other.id === one.id);
    if (at < 0) return;
    this.outgoing.splice(at, 1);
    if (!this.ids().has(one.id)) this.waiting.push(one);
  }

  ids() {
    return new Set([...this.messages.values(), ...(this.running?.question || []), ...this.waiting].map((m) => m.id));
  }

  get empty() {
    return !this.messages.size && !this.running && !this.waiting.length && !this.outgoing.length;
  }

  get gone() {
    return this.forgotten && this.empty;
  }

  // What is shown, in order. Keys are stable from "sending" to "answered", so that nodes are kept.
  items() {
    const items = [];
    const { gap } = this;
    const all = [...this.messages.values()].filter((one) => !gap || one.seq <= gap.low);
    const kept = inSight(all, this).sort((a, b) => a.turn - b.turn || a.seq - b.seq);
    const standing = new Map(); // the newest reply of each turn; the others it replaced
    for (const one of kept) if (one.role === 'assistant') standing.set(one.turn, one);
    const last = kept.findLast((one) => one.role === 'assistant');
    const lines = linesOf(kept);
    for (const one of kept) {
      if (one.role === 'user') {
        items.push(this.said(one, one.status, lines));
      } else if (standing.get(one.turn) === one && one.turn !== this.running?.turn) {
        const isLast = one === last && !this.running && !gap;
        const busy = Boolean(this.running && one.versions?.length);
        const vain = isLast ? inVain(all, one) : null;
        items.push({ key: `t${one.turn}`, kind: 'reply', data: one, status: one.status, busy, last: isLast, vain });
      }
    }
    if (gap) return items;
    if (this.running) this.pushRunning(items);
    this.waiting.forEach((one, place) => {
      const status = 'waiting';
      items.push({ key: `m${one.id}`, kind: 'person', data: one, status, place, behind: Boolean(this.running) });
    });
    const held = this.outgoing.find((one) => one.error && !one.refused)?.error; // it holds the later ones back
    for (const one of this.outgoing) {
      const error = one.error || held;
      items.push({ key: `m${one.id}`, kind: 'person', data: one, status: error ? 'unsent' : 'sending', error });
    }
    return items;
  }

  // A line that the server has. At the last line of a question it can be changed, and its versions stand there; it
  // keeps its element from one version to the next.
  said(one, status, lines) {
    const item = { key: `m${one.id || one.seq}`, kind: 'person', data: one, status };
    const its = lines.get(one.turn);
    if (its.at(-1) !== one || ['noted', 'withdrawn', 'forgotten'].includes(status)) return item;
    item.question = asQuestion(its);
    item.changeable = item.question.seq >= this.replaceable;
    item.busy = Boolean(this.running && item.question.versions.length);
    if (item.question.versions.length > 1) item.key = `v${item.question.versions[0]}`;
    return item;
  }

  pushRunning(items) {
    const { turn, text, question, retry, service } = this.running;
    const lines = linesOf(question);
    for (const one of question) {
      if (!this.messages.has(one.seq)) items.push(this.said(one, 'running', lines));
    }
    const reply = { key: `t${turn}`, kind: 'reply', data: { turn, text }, status: 'running', retry, service };
    reply.stopping = this.stopping === turn;
    // Answered anew in the middle of a conversation, the reply stands where the old one stood.
    const after = items.findIndex((one) => one.data.turn > turn);
    if (after < 0) items.push(reply);
    else items.splice(after, 0, reply);
  }
}
