// Messages on their way to the server: one at a time per conversation, in the order in which they were written, a
// failed one holding back the later ones. Each has an id from the start, so sending it again is harmless. Until the
// server has it, each is a record of its own in the browser's storage: a reload loses none, no window writes over what
// another has queued, and all windows of the browser show the same line and send it, whichever comes through first.

import { ANOTHER, api } from './api.js';
import { stored } from './stored.js';

const AGAIN_MS = [1000, 2000, 4000, 8000, 15_000];
const KIND = 'outbox';

// Ids of conversations and of messages hold no colon.
const place = (conversation, id) => `${conversation}:${id}`;

const inOrder = (messages) => messages.sort((a, b) => a.at.localeCompare(b.at));

// What lies here of a conversation, in the order of writing.
export function queued(conversation) {
  const names = stored.names(KIND).filter((name) => name.startsWith(`${conversation}:`));
  const found = names.map((name) => stored.read(KIND, name)).filter(Boolean);
  return inOrder(found);
}

export const queuedIn = () => new Set(stored.names(KIND).map((name) => name.split(':')[0]));

// Calls `act(conversation)` when another window queues a message, or lets one go.
export function whenQueuedElsewhere(act) {
  stored.heard(KIND, (name) => act(name.split(':')[0]));
}

// One window sends at a time. Where a page may not lock (its origin is not secure), two may send the same message,
// which the server knows by its id.
function inTurn(conversation, act) {
  return navigator.locks ? navigator.locks.request(`threadwell:${KIND}:${conversation}`, act) : act();
}

export class Outbox {
  // `changed()`: draw; `accepted()`: the server has one of them.
  constructor(conversation, changed, accepted) {
    this.conversation = conversation;
    this.changed = changed;
    this.accepted = accepted;
    this.tries = 0;
    this.timer = null;
    this.busy = false;
    this.compare();
  }

  add(one) {
    const { outgoing, id } = this.conversation;
    // The time gives the order, also of two that are written within a millisecond, or while the clock is set back.
    const last = outgoing.at(-1);
    if (last && last.at >= one.at) one.at = new Date(Date.parse(last.at) + 1).toISOString();
    outgoing.push({ ...one, error: null, kept: stored.write(KIND, place(id, one.id), one) });
    this.push();
  }

  drop(id) {
    const { outgoing } = this.conversation;
    const at = outgoing.findIndex((one) => one.id === id);
    const [gone] = at < 0 ? [null] : outgoing.splice(at, 1);
    this.letGo(id);
    this.changed();
    return gone;
  }

  letGo(id) {
    stored.write(KIND, place(this.conversation.id, id), null);
  }

  // The conversation is deleted, and what was on its way to it.
  end() {
    clearTimeout(this.timer);
    for (const one of this.conversation.outgoing.splice(0)) this.letGo(one.id);
  }

  // Takes in what other windows have queued, and lets go what they have sent or taken back; says whether any went.
  compare() {
    const { conversation } = this;
    const known = conversation.ids();
    const here = new Map(conversation.outgoing.map((one) => [one.id, one]));
    const unkept = conversation.outgoing.filter((one) => !one.kept); // the storage is full or switched off
    const lying = queued(conversation.id).filter((one) => !known.has(one.id) || this.letGo(one.id));
    conversation.outgoing = inOrder([...lying.map((one) => here.get(one.id) || { ...one, error: null, kept: true }), ...unkept]);
    return [...here.keys()].some((id) => !conversation.outgoing.some((one) => one.id === id));
  }

  // Another window queued something, or let it go. It is about to send what it queued; if it cannot, this one does.
  heard() {
    if (this.compare()) this.accepted();
    if (this.conversation.outgoing.length && !this.busy) this.later();
    this.changed();
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
    this.busy = true;
    const more = await inTurn(this.conversation.id, () => this.sendNext());
    this.busy = false;
    this.changed();
    if (more) this.push();
  }

  // Sends the oldest; gives whether to go on at once.
  async sendNext() {
    if (this.compare()) this.accepted(); // sent by another window while this one waited for its turn
    const one = this.conversation.outgoing.find((other) => !other.refused);
    if (!one) return false;
    one.error = null;
    this.changed();
    one.tried = true;
    const { id, message, at, attachments, replaces } = one;
    const said = { id, message, at, attachments, replaces };
    try {
      await api.send(this.conversation.id, { ...said, again: one.again || 0 });
      this.tries = 0;
      this.letGo(id);
      this.conversation.accepted(said);
      this.accepted();
    } catch (error) {
      if (error.status === ANOTHER) this.end(); // never sent by whoever this browser is now
      // Whoever asks the same once more is told the same: what was refused for want of room is asked anew.
      if (error.status === 429) one.again = (one.again || 0) + 1;
      one.error = error.message;
      one.refused = error.final;
      if (!error.final) this.later();
    }
    return !one.error || one.refused;
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.push(), AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)]);
    this.tries += 1;
  }
}
