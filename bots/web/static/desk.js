// All conversations that this window knows, kept true: what the server said last, what was heard since, and what is
// to be asked again.

import { api } from './api.js';
import { Conversation } from './conversation.js';
import { newId } from './dom.js';
import { Outbox, queued, queuedIn, whenQueuedElsewhere } from './outbox.js';
import { ready } from './rendering.js';
import { newestReply } from './versions.js';

const PAGE = 40;
const KEPT = 12;
const UNLISTED = new Set(['delta', 'ended', 'away', 'back']); // they change nothing in the list
const AGAIN_MS = [500, 1000, 2000, 4000, 8000];

export class Desk {
  // `told`: { changed(conversation), listed(), finished(conversation, event), online(state), queued(id) }
  constructor(told) {
    this.told = told;
    this.known = new Map();
    this.outboxes = new Map();
    this.refreshing = new Map();
    this.current = null;
    this.online = null;
    for (const id of queuedIn()) this.outbox(id).again();
    whenQueuedElsewhere((id) => {
      const some = queued(id).length;
      if (this.known.has(id) || some) this.outbox(id).heard();
      if (some) told.queued(id);
    });
  }

  conversation(id) {
    let found = this.known.get(id);
    if (!found) {
      found = new Conversation(id);
      this.known.set(id, found);
      const changed = () => this.told.changed(found);
      this.outboxes.set(id, new Outbox(found, changed, () => !this.online && this.refresh(found)));
    }
    return found;
  }

  outbox(id) {
    this.conversation(id);
    return this.outboxes.get(id);
  }

  // A conversation that does not exist before its first message.
  fresh() {
    this.current = this.conversation(newId());
    this.current.loaded = true;
    this.current.fresh = true;
    this.tidy();
    return this.current;
  }

  open(id) {
    this.current = this.conversation(id);
    this.known.delete(id);
    this.known.set(id, this.current); // the most recently opened stands last
    this.tidy();
    this.refresh(this.current);
    return this.current;
  }

  tidy() {
    for (const [id, one] of this.known) {
      if (this.known.size <= KEPT) return;
      if (one === this.current || one.outgoing.length) continue;
      this.known.delete(id);
      this.outboxes.delete(id);
    }
  }

  // Fetches the newest page. One fetch at a time; what was heard meanwhile makes it look once more.
  refresh(conversation) {
    const { id } = conversation;
    if (conversation.fresh) return Promise.resolve();
    if (!this.refreshing.has(id)) {
      this.refreshing.set(id, this.fetch(conversation).finally(() => this.refreshing.delete(id)));
    }
    return this.refreshing.get(id);
  }

  async fetch(conversation) {
    clearTimeout(conversation.timer);
    for (let look = 0; ; look += 1) {
      const { heard } = conversation;
      let page;
      try {
        page = await api.history(conversation.id, null, PAGE);
        await ready; // else replies would stand unformatted for a moment
      } catch (error) {
        this.failed(conversation, error);
        return;
      }
      conversation.trouble = null;
      conversation.tries = 0;
      const current = conversation.heard === heard;
      // A page that is older than what was heard would turn the view back for a moment; but not for ever.
      if (!current && conversation.loaded && look < 3) continue;
      conversation.take(page);
      this.told.changed(conversation);
      if (current) return;
    }
  }

  failed(conversation, error) {
    conversation.trouble = error.message;
    conversation.stale = true;
    if (conversation === this.current && !error.final) {
      const tries = conversation.tries || 0;
      conversation.tries = tries + 1;
      conversation.timer = setTimeout(() => this.refresh(conversation), AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]);
    }
    this.told.changed(conversation);
  }

  // Pages that reading asks for, one at a time: nothing, where there is none or another is on its way. One that did
  // not come says so.
  older(conversation) {
    if (!conversation.loaded || !conversation.nextBefore) return null;
    return this.page(conversation, conversation.nextBefore);
  }

  newer(conversation) {
    if (!conversation.gap) return null;
    return this.page(conversation, this.below(conversation));
  }

  // Where the page ends that follows what is shown far up.
  below(conversation) {
    return conversation.gap && conversation.gap.low + 1 + PAGE;
  }

  // Somebody goes there: it is not left out because of what scrolling asked for before.
  async around(conversation, seq) {
    while (conversation.paging) await conversation.paging;
    return this.page(conversation, seq + PAGE / 2);
  }

  page(conversation, before) {
    if (conversation.paging) return null;
    const coming = api.history(conversation.id, before, PAGE)
      .then((page) => ({ before, ...page }), () => ({ before, failed: true }))
      .finally(() => { conversation.paging = null; });
    conversation.paging = coming;
    return coming;
  }

  hear(event) {
    if (event.kind === 'hello') return;
    if (event.kind === 'resync') {
      for (const one of this.known.values()) one.heard += 1;
      this.lookAgain();
      return;
    }
    const one = this.known.get(event.conversation);
    if (event.kind === 'done') this.told.finished(event.conversation, event);
    if (!UNLISTED.has(event.kind)) this.told.listed();
    if (!one || one.fresh) return;
    const unsure = one.hear(event);
    if (one === this.current) {
      if (unsure) this.refresh(one);
      this.told.changed(one);
    }
  }

  lookAgain() {
    if (this.current) this.refresh(this.current);
    this.told.listed();
  }

  heardFrom(online) {
    if (this.online === online) return;
    const back = online && this.online === false;
    this.online = online;
    if (back) {
      this.lookAgain();
      for (const outbox of this.outboxes.values()) outbox.again();
    }
    this.told.online(online);
  }

  // --- what the person does -------------------------------------------------------------------------------
  // `replaces`: the question that these words stand in the place of
  send(conversation, message, attachments, replaces) {
    conversation.fresh = false;
    const one = { id: newId(), message, at: new Date().toISOString(), attachments, replaces, error: null };
    this.outbox(conversation.id).add(one);
  }

  async stop(conversation) {
    const turn = conversation.running?.turn;
    if (turn === undefined) return;
    conversation.stopping = turn;
    this.told.changed(conversation);
    try {
      await api.stop(conversation.id, turn);
    } catch (error) {
      conversation.stopping = null;
      throw error;
    } finally {
      this.told.changed(conversation);
    }
  }

  // Gives what was taken back, with its files; nothing where its turn had come before.
  async withdraw(conversation, id) {
    const { messages } = await api.withdraw(conversation.id, id);
    conversation.waiting = conversation.waiting.filter((one) => one.id !== id);
    this.refresh(conversation); // not waited for: until they are put back, the words lie nowhere but here
    return messages[0];
  }

  async regenerate(conversation, item) {
    const { turn } = item.data;
    // The newest version is named, also where an older one is shown: each can be answered anew once.
    await api.regenerate(conversation.id, turn, newestReply([...conversation.messages.values()], turn).seq);
  }

  async goOn(conversation, item) {
    await api.goOn(conversation.id, item.data);
  }

  async show(conversation, seq) {
    await api.show(conversation.id, seq);
    await this.refresh(conversation);
  }

  resend(conversation) {
    this.outbox(conversation.id).again();
  }

  // The server may have it all the same, where its answer alone was lost.
  discard(conversation, id) {
    const gone = this.outbox(conversation.id).drop(id);
    if (gone?.tried) api.withdraw(conversation.id, id).catch(() => {});
    return gone;
  }

  forget(id) {
    this.outboxes.get(id)?.end();
    this.known.delete(id);
    this.outboxes.delete(id);
  }
}
