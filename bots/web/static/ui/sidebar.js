// The list of conversations, newest first, grouped by day.

import { api } from '../net/api.js';
import { storage } from '../state/storage.js';
import { showToast } from './dialogs.js';
import { el, errorMessage, find, formatDay, isPlainClick, setText } from './dom.js';

/** @import { DirectoryEntry, Me } from '../net/types.js' */

// The directory learns of a change a moment after the conversation, under load some seconds after.
const REFRESH_MS = [150, 1500, 6000, 20_000];
const MAX_UNREAD = 200;

export class Sidebar {
  /**
   * @param {(id: string) => void} open
   * @param {() => void} onFetched called when the list was fetched
   */
  constructor(open, onFetched) {
    this.open = open;
    this.onFetched = onFetched;
    this.nav = find('conversation-list');
    /** @type {DirectoryEntry[]} */
    this.entries = [];
    /** @type {string | null} */
    this.cursor = null;
    /** @type {string | null} */
    this.current = null;
    /** @type {Set<string>} Deleted conversations while "Undo" is shown. */
    this.hidden = new Set();
    this.unread = readUnread();
    /** @type {ReturnType<typeof setTimeout>[]} */
    this.timers = [];
    this.rendered = '';
    /** @type {Me | null} */
    this.me = null;
    window.addEventListener('storage', () => this.handleStorageChange());
    this.nav.addEventListener('click', (event) => this.handleClick(event));
    find('menu').addEventListener('click', () => this.setOpen(!this.isOpen));
    find('scrim').addEventListener('click', () => this.setOpen(false));
  }

  /** Fetch the newest page soon, once for many calls. */
  refresh() {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = REFRESH_MS.map((pause) => setTimeout(() => this.fetch().catch(() => {}), pause));
  }

  /**
   * Replace the top of the list by the newest page. Entries below it stay if the page reaches them: if its last entry
   * was known and has not moved. Else there may be other entries between.
   */
  async fetch() {
    const { entries, cursor } = await api.listConversations();
    const ids = new Set(entries.map((entry) => entry.conversation));
    const last = entries.at(-1);
    const isJoined = this.entries.some((entry) => entry.conversation === last?.conversation && entry.at === last.at);
    const isBelow = (/** @type {DirectoryEntry} */ entry) =>
      last !== undefined && !ids.has(entry.conversation) && entry.at <= last.at;
    const below = cursor && isJoined ? this.entries.filter(isBelow) : [];
    this.entries = [...entries, ...below];
    if (!below.length) this.cursor = cursor;
    this.render();
    this.onFetched();
  }

  async loadOlder() {
    let page;
    try {
      page = await api.listConversations(this.cursor);
    } catch (error) {
      showToast(errorMessage(error));
      return;
    }
    const known = new Set(this.entries.map((entry) => entry.conversation));
    const older = page.entries.filter((entry) => !known.has(entry.conversation));
    this.entries.push(...older);
    this.cursor = page.cursor;
    const wasFocused = this.nav.querySelector('.more') === document.activeElement;
    this.render();
    if (wasFocused && older.length) this.focus(`a[href="/c/${older[0].conversation}"]`);
  }

  /** @param {string} selector */
  focus(selector) {
    /** @type {HTMLElement | null} */ (this.nav.querySelector(selector))?.focus();
  }

  /** @param {string | null} id */
  enter(id) {
    this.current = id;
    if (id) this.markRead(id);
    this.render();
  }

  /** @param {string} id */
  markUnread(id) {
    this.unread.add(id);
    this.saveUnread();
    this.render();
  }

  /** @param {string} id */
  markRead(id) {
    if (this.unread.delete(id)) this.saveUnread();
  }

  // Another window marked a conversation. The one that is read here is read for all windows.
  handleStorageChange() {
    this.unread = readUnread();
    if (!document.hidden && this.current) this.markRead(this.current);
    this.render();
  }

  saveUnread() {
    storage.write('unread', 'list', [...this.unread].slice(-MAX_UNREAD));
  }

  /** @param {string} id @param {boolean} isHidden */
  setHidden(id, isHidden) {
    if (isHidden) this.hidden.add(id);
    else this.hidden.delete(id);
    this.render();
  }

  /** @param {string} id */
  titleOf(id) {
    return this.entries.find((entry) => entry.conversation === id)?.title || '';
  }

  render() {
    const { entries, cursor, current, hidden, unread } = this;
    const rendered = JSON.stringify([entries, cursor, current, [...hidden], [...unread], new Date().toDateString()]);
    if (this.rendered === rendered) return;
    this.rendered = rendered;
    const focused = this.nav.contains(document.activeElement) ? document.activeElement : null;
    /** @type {HTMLElement[]} */
    const groups = [];
    let day = '';
    let list = el('ul');
    for (const entry of entries) {
      if (hidden.has(entry.conversation)) continue;
      const entryDay = formatDay(new Date(entry.at));
      if (entryDay !== day) {
        list = el('ul');
        groups.push(el('h2', { text: entryDay }), list);
      }
      day = entryDay;
      list.append(this.item(entry));
    }
    if (cursor) groups.push(this.olderButton());
    this.nav.replaceChildren(...groups);
    if (focused) this.focus(focused.matches('a') ? `a[href="${focused.getAttribute('href')}"]` : '.more');
  }

  olderButton() {
    const onclick = () => this.loadOlder();
    return el('button', { type: 'button', class: 'secondary more', text: 'Older conversations', onclick });
  }

  /** @param {DirectoryEntry} entry */
  item({ conversation, title }) {
    const link = el('a', { href: `/c/${conversation}`, 'aria-current': conversation === this.current ? 'page' : null });
    link.append(el('span', { class: 'name', dir: 'auto', text: title || 'New conversation' }));
    if (this.unread.has(conversation)) {
      const label = el('span', { class: 'visually-hidden', text: 'new reply' });
      link.append(el('span', { class: 'dot', title: 'New reply' }, label));
    }
    return el('li', {}, link);
  }

  /** @param {MouseEvent} event */
  handleClick(event) {
    const link = event.target instanceof Element && event.target.closest('a');
    if (!link || !isPlainClick(event)) return;
    event.preventDefault();
    this.setOpen(false);
    this.open(link.pathname.slice('/c/'.length));
  }

  /** Whether the list is open on a narrow screen, where it covers the thread. */
  get isOpen() {
    return document.body.classList.contains('sidebar-open');
  }

  /** @param {boolean} isOpen */
  setOpen(isOpen) {
    document.body.classList.toggle('sidebar-open', isOpen);
    find('menu').setAttribute('aria-expanded', String(isOpen));
    find('scrim').hidden = !isOpen;
  }

  /** @param {Me} me */
  setMe(me) {
    this.me = me;
    this.showModel(me.model);
  }

  /**
   * Show which model answers the user's conversations.
   * @param {string | null | undefined} model
   */
  showModel(model) {
    if (!this.me) return;
    const name = this.me.demo ? `${this.me.model} · a small demo model on this machine` : model || this.me.model;
    setText(find('model'), name);
    setText(find('answering-model'), name && `Answered by ${name}`); // on a phone, where the list is hidden
  }
}

function readUnread() {
  return new Set(/** @type {string[] | null} */ (storage.read('unread', 'list')) || []);
}
