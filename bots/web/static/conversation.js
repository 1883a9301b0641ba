// What the page knows of one conversation: what is kept, what runs, what waits, what is on its way out.
// Everything here is replaced by the server's word as soon as it comes; previews only fill the time until then.

export class Conversation {
  constructor(id) {
    this.id = id;
    this.messages = new Map(); // by seq
    this.running = null; // { turn, question, attempt, text, retry }
    this.waiting = [];
    this.outgoing = []; // { id, text, at, attachments, failed }
    this.nextBefore = null;
    this.title = '';
    this.loaded = false;
  }

  // The newest page. What was loaded of older pages stays.
  take(page) {
    const first = page.messages.length ? page.messages[0].seq : Infinity;
    const linked = this.messages.size === 0 || this.messages.has(first) || page.next_before == null
      || this.messages.has(first - 1);
    if (!linked) this.messages.clear(); // more happened than one page holds: older ones are fetched when asked for
    if (!this.loaded || !linked) this.nextBefore = page.next_before ?? null;
    for (const message of page.messages) this.messages.set(message.seq, message);
    for (const message of page.messages) {
      if (message.role !== 'assistant') continue;
      for (const other of this.messages.values()) {
        if (other.turn === message.turn && other.role === 'assistant' && other.seq < message.seq) other.replaced = true;
      }
    }
    if (!page.messages.length && page.next_before == null) this.messages.clear();
    const said = this.running;
    this.running = page.running ? { attempt: '', text: '', ...page.running } : null;
    // A preview that came over the stream may be ahead of the page that was asked for before it.
    if (said && this.running && said.turn === this.running.turn && said.text.length > this.running.text.length) {
      Object.assign(this.running, { attempt: said.attempt, text: said.text, retry: said.retry });
    }
    this.waiting = page.waiting || [];
    this.title = page.title || '';
    this.loaded = true;
    this.settle();
  }

  takeOlder(page) {
    for (const message of page.messages) if (!this.messages.has(message.seq)) this.messages.set(message.seq, message);
    this.nextBefore = page.next_before ?? null;
  }

  settle() {
    const known = new Set([...this.messages.values(), ...(this.running?.question || []), ...this.waiting].map((m) => m.id));
    this.outgoing = this.outgoing.filter((one) => !known.has(one.id));
  }

  // A live event; says whether the page must be fetched to know the truth.
  hear(event) {
    switch (event.kind) {
      case 'waiting':
        if (!this.has(event.message.id)) this.waiting.push(event.message);
        this.settle();
        return false;
      case 'started':
        if (!this.running || this.running.turn !== event.turn || event.attempt !== this.running.attempt) {
          const kept = this.running?.turn === event.turn ? this.running.question : [];
          this.running = { turn: event.turn, question: event.question || kept, attempt: event.attempt, text: '' };
        }
        this.waiting = this.waiting.filter((one) => !this.running.question.some((q) => q.id === one.id));
        this.settle();
        return !this.running.question.length && ![...this.messages.values()].some((m) => m.turn === event.turn);
      case 'delta': {
        const offset = event.offset || 0;
        if (this.running?.turn !== event.turn) return true;
        if (this.running.attempt !== event.attempt) {
          if (offset) return true;
          Object.assign(this.running, { attempt: event.attempt, text: '' });
        }
        if (offset > this.running.text.length) return true; // something was lost on the way
        this.running.text = this.running.text.slice(0, offset) + event.text;
        this.running.retry = null;
        return false;
      }
      case 'retry':
        if (this.running?.turn === event.turn) this.running.retry = { until: Date.now() + event.seconds * 1000 };
        return false;
      case 'ended':
        return false;
      default:
        return true;
    }
  }

  has(id) {
    const all = [...this.messages.values(), ...(this.running?.question || []), ...this.waiting];
    return all.some((one) => one.id === id);
  }

  // What is shown, in order. Keys are stable from "sending" to "answered", so that nodes are kept.
  items() {
    const items = [];
    const kept = [...this.messages.values()].sort((a, b) => a.turn - b.turn || a.seq - b.seq);
    const last = kept.filter((m) => m.role === 'assistant' && !m.replaced).at(-1);
    for (const message of kept) {
      if (message.replaced) continue;
      const again = this.running && message.role === 'assistant' && message.turn === this.running.turn;
      if (again) continue; // answered anew: the running reply stands in its place
      items.push(message.role === 'user'
        ? { key: `m${message.id || message.seq}`, kind: 'person', ...message }
        : { key: `t${message.turn}`, kind: 'reply', last: message === last && !this.running, ...message });
    }
    if (this.running) {
      for (const message of this.running.question || []) {
        if (!this.messages.has(message.seq)) items.push({ key: `m${message.id || message.seq}`, kind: 'person', ...message });
      }
      items.push({ key: `t${this.running.turn}`, kind: 'reply', status: 'running', text: this.running.text,
        turn: this.running.turn, retry: this.running.retry });
    }
    this.waiting.forEach((one, place) => {
      items.push({ key: `m${one.id}`, kind: 'person', ...one, text: one.message, status: 'waiting',
        place: place + (this.running ? 1 : 0) });
    });
    for (const one of this.outgoing) {
      items.push({ key: `m${one.id}`, kind: 'person', ...one, status: one.failed ? 'unsent' : 'sending' });
    }
    return items;
  }
}
