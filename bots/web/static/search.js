// Search over titles and texts. Each request looks through some conversations, the newest first; the note says how far
// that went, and "look further back" goes on.

import { api } from './api.js';
import { dayOf, el, find, say, show } from './dom.js';

const PAUSE_MS = 250;

export class Search {
  // `open(conversation, seq)` shows what was found; `seq` is missing where only the title was.
  constructor(open) {
    this.open = open;
    this.box = find('search');
    this.list = find('found-list');
    this.asked = 0;
    this.box.addEventListener('input', () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.begin(), PAUSE_MS);
    });
    this.box.addEventListener('keydown', (event) => this.pressed(event));
    find('found-more').addEventListener('click', () => this.look());
    this.list.addEventListener('click', (event) => this.clicked(event));
  }

  focus() {
    this.box.focus();
    this.box.select();
  }

  pressed(event) {
    if (event.isComposing) return;
    if (event.key === 'Escape' && this.box.value) {
      event.stopPropagation(); // it ends the search, not a reply
      this.box.value = '';
      this.begin();
    } else if (event.key === 'ArrowDown' || event.key === 'Enter') {
      const first = this.list.querySelector('a');
      if (!first) return;
      event.preventDefault();
      if (event.key === 'Enter') first.click();
      else first.focus();
    }
  }

  begin() {
    const text = this.box.value.trim();
    if (text === this.text) return;
    this.text = text;
    this.asked += 1;
    Object.assign(this, { hits: 0, looked: 0, partly: 0, cursor: null });
    show(find('list'), !text);
    show(find('found'), Boolean(text));
    this.list.replaceChildren();
    if (text) this.look();
  }

  async look() {
    const { asked, text } = this;
    if (document.activeElement === find('found-more')) this.box.focus(); // the button goes
    show(find('found-more'), false);
    say(find('found-note'), 'Searching…');
    try {
      const page = await api.search(text, this.cursor);
      if (asked !== this.asked) return; // something else is looked for by now
      this.take(page);
    } catch (error) {
      if (asked !== this.asked) return;
      say(find('found-note'), error.message);
      show(find('found-more'), true);
    }
  }

  take(page) {
    this.hits += page.hits.length;
    this.looked += page.looked;
    this.partly += page.partly;
    this.cursor = page.cursor;
    this.list.append(...page.hits.map((hit) => this.item(hit)));
    const many = (count, one) => `${count || 'no'} ${one}${count === 1 ? '' : 's'}`;
    const found = this.hits ? `Found in ${many(this.hits, 'conversation')}` : 'Nothing found';
    let far = this.cursor ? `looked through the newest ${this.looked}, back to ${dayOf(new Date(page.back_to))}` : `looked through all ${this.looked}`;
    if (this.partly) far += `, ${this.partly} of them not to the end`;
    say(find('found-note'), `${found}; ${far}.`);
    show(find('found-more'), Boolean(this.cursor));
  }

  item({ conversation, title, at, places }) {
    const item = el('li');
    const link = el('a', { href: `/c/${conversation}`, 'data-conversation': conversation });
    link.append(el('span', { class: 'name', dir: 'auto' }, ...this.marked(title || 'New conversation')), el('span', { class: 'faint', text: dayOf(new Date(at)) }));
    item.append(link);
    for (const place of places) {
      const there = el('a', { class: 'place', dir: 'auto', href: `/c/${conversation}#message-${place.seq}`, 'data-conversation': conversation, 'data-seq': place.seq });
      there.append(...this.marked(place.text));
      item.append(there);
    }
    return item;
  }

  // The text with what was looked for marked, first occurrence only.
  marked(text) {
    const at = text.toLowerCase().indexOf(this.text.toLowerCase());
    if (at < 0) return [text];
    const end = at + this.text.length;
    return [text.slice(0, at), el('mark', { text: text.slice(at, end) }), text.slice(end)];
  }

  clicked(event) {
    const link = event.target.closest('a');
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    this.open(link.dataset.conversation, Number(link.dataset.seq) || null);
  }
}
