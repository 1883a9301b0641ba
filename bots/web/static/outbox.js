// Messages on their way to the server: one at a time per conversation, in the order in which they were written, a
// failed one holding back the later ones. Each has an id from the start, so sending it again is harmless; they are
// kept in the browser's storage until the server has them, so a reload loses none.

import { ANOTHER, api } from './api.js';
import { stored } from './stored.js';

const AGAIN_MS = [1000, 2000, 4000, 8000, 15_000];

export class Outbox {
  constructor(conversation, changed, accepted) {
    this.conversation = conversation;
    this.changed = changed;
    this.accepted = accepted;
    this.tries = 0;
    this.timer = null;
    this.busy = false;
    for (const one of stored.read('outbox', conversation.id) || []) conversation.outgoing.push({ ...one, error: null });
    if (conversation.outgoing.length) this.push();
  }

  add(one) {
    this.conversation.outgoing.push(one);
    this.keep();
    this.push();
  }

  drop(id) {
    const { outgoing } = this.conversation;
    const at = outgoing.findIndex((one) => one.id === id);
    const [gone] = at < 0 ? [null] : outgoing.splice(at, 1);
    this.keep();
    this.changed();
    return gone;
  }

  // Try again now: the person asked for it, or the connection is back.
  again() {
    clearTimeout(this.timer);
    this.tries = 0;
    for (const one of this.conversation.outgoing) one.refused = false;
    this.push();
  }

  async push() {
    if (this.busy) return;
    const one = this.conversation.outgoing.find((other) => !other.refused);
    if (!one) return;
    this.busy = true;
    one.error = null;
    this.changed();
    const { id, message, at, attachments, replaces } = one;
    const said = { id, message, at, attachments, replaces };
    try {
      await api.send(this.conversation.id, said);
      this.tries = 0;
      this.conversation.accepted(said);
      this.accepted();
    } catch (error) {
      if (error.status === ANOTHER) this.conversation.outgoing = []; // never sent by whoever this browser is now
      one.error = error.message;
      one.refused = error.final;
      if (!error.final) this.later();
    }
    this.busy = false;
    this.keep();
    this.changed();
    if (!one.error || one.refused) this.push();
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.push(), AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)]);
    this.tries += 1;
  }

  keep() {
    const kept = this.conversation.outgoing.map(({ id, message, at, attachments, replaces }) => ({ id, message, at, attachments, replaces }));
    stored.write('outbox', this.conversation.id, kept);
  }
}
