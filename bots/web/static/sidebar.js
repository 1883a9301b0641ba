// The list of conversations, newest first, grouped by day.

import { api } from './api.js';
import { toast } from './dialogs.js';
import { dayOf, el, find, say } from './dom.js';
import { stored } from './stored.js';

// The directory learns of a change a moment after the conversation itself, where much is going on some seconds after.
const PAUSES_MS = [150, 1500, 6000, 20_000];

export class Sidebar {
  // `told` is called when the list was fetched.
  constructor(open, told) {
    Object.assign(this, { open, told });
    this.nav = find('list');
    this.entries = [];
    this.cursor = null;
    this.current = null;
    this.hidden = new Set(); // deleted, and not yet out of reach of "undo"
    this.unread = new Set(stored.read('unread', 'list') || []);
    window.addEventListener('storage', () => this.heard());
    this.nav.addEventListener('click', (event) => this.clicked(event));
    find('menu').addEventListener('click', () => this.slide(!document.body.classList.contains('listing')));
    find('scrim').addEventListener('click', () => this.slide(false));
  }

  // Soon, and once for many calls. The newest page replaces the top of the list; what was loaded below it stays if the
  // page reaches down to it: its last entry was known and has not moved. Else there may be others in between.
  refresh() {
    for (const timer of this.timers || []) clearTimeout(timer);
    this.timers = PAUSES_MS.map((pause) => setTimeout(() => this.fetch().catch(() => {}), pause));
  }

  async fetch() {
    const page = await api.list();
    const fresh = new Set(page.entries.map((one) => one.conversation));
    const last = page.entries.at(-1);
    const reaches = this.entries.some((one) => one.conversation === last?.conversation && one.at === last.at);
    const below = page.cursor && reaches ? this.entries.filter((one) => !fresh.has(one.conversation) && one.at <= last.at) : [];
    this.entries = [...page.entries, ...below];
    if (!below.length) this.cursor = page.cursor;
    this.render();
    this.told();
  }

  async more() {
    let page;
    try {
      page = await api.list(this.cursor);
    } catch (error) {
      toast(error.message);
      return;
    }
    const have = new Set(this.entries.map((one) => one.conversation));
    const older = page.entries.filter((one) => !have.has(one.conversation));
    this.entries.push(...older);
    this.cursor = page.cursor;
    const pressed = this.nav.querySelector('.more') === document.activeElement;
    this.render();
    if (pressed && older.length) this.nav.querySelector(`a[href="/c/${older[0].conversation}"]`)?.focus();
  }

  enter(id) {
    this.current = id;
    this.read(id);
    this.render();
  }

  finished(id) {
    this.unread.add(id);
    this.keep();
    this.render();
  }

  read(id) {
    if (this.unread.delete(id)) this.keep();
  }

  // Another window of this browser marked something; what is being read here is read for all.
  heard() {
    this.unread = new Set(stored.read('unread', 'list') || []);
    if (!document.hidden && this.current) this.read(this.current);
    this.render();
  }

  keep() {
    stored.write('unread', 'list', [...this.unread].slice(-200));
  }

  hide(id, hidden) {
    if (hidden) this.hidden.add(id);
    else this.hidden.delete(id);
    this.render();
  }

  titleOf(id) {
    return this.entries.find((one) => one.conversation === id)?.title || '';
  }

  render() {
    const seen = JSON.stringify([this.entries, this.cursor, this.current, [...this.hidden], [...this.unread], new Date().toDateString()]);
    if (this.seen === seen) return;
    this.seen = seen;
    const focused = this.nav.contains(document.activeElement) ? document.activeElement : null;
    const groups = [];
    let day = null;
    for (const entry of this.entries) {
      if (this.hidden.has(entry.conversation)) continue;
      const its = dayOf(new Date(entry.at));
      if (its !== day) groups.push(el('h2', { text: its }), el('ul'));
      day = its;
      groups.at(-1).append(this.item(entry));
    }
    if (this.cursor) groups.push(el('button', { type: 'button', class: 'quiet more', text: 'Older conversations', onclick: () => this.more() }));
    this.nav.replaceChildren(...groups);
    if (focused) this.nav.querySelector(focused.matches('a') ? `a[href="${focused.getAttribute('href')}"]` : '.more')?.focus();
  }

  item({ conversation, title }) {
    const unread = this.unread.has(conversation);
    const link = el('a', { href: `/c/${conversation}`, 'aria-current': conversation === this.current ? 'page' : null });
    link.append(el('span', { class: 'name', dir: 'auto', text: title || 'New conversation' }));
    if (unread) link.append(el('span', { class: 'dot', title: 'A reply came' }, el('span', { class: 'unseen', text: 'new reply' })));
    return el('li', {}, link);
  }

  clicked(event) {
    const link = event.target.closest('a');
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.slide(false);
    this.open(link.getAttribute('href').slice('/c/'.length));
  }

  // On a narrow screen the list slides over the thread.
  slide(shown) {
    document.body.classList.toggle('listing', shown);
    find('menu').setAttribute('aria-expanded', String(shown));
    find('scrim').hidden = !shown;
  }

  model(me) {
    this.me = me;
    this.named(me.model);
  }

  // The model by which the person's conversations are answered.
  named(model) {
    if (!this.me) return; // nobody has said who answers
    const name = this.me.demo ? `${this.me.model} · a small demo model on this machine` : model || this.me.model;
    say(find('model'), name);
    say(find('answers'), name && `Answered by ${name}`); // on a phone, where the list is out of sight
  }
}
