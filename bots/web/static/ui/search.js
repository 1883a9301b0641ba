// Search in titles and messages. Each request searches some conversations, the newest first. The status line says how
// far back, and a button continues.

import { api } from '../net/api.js';
import { el, errorMessage, find, formatDay, isPlainClick, setText, setVisible } from './dom.js';

/** @import { SearchHit, SearchPage } from '../net/types.js' */

const PAUSE_MS = 250;

export class Search {
  /**
   * @param {(conversation: string, seq: number | null) => void} open shows a result; `seq` is null if only the title
   *   matches
   */
  constructor(open) {
    this.open = open;
    this.box = find('search', HTMLInputElement);
    this.list = find('search-list');
    this.status = find('search-status');
    this.more = find('search-more');
    this.text = '';
    this.searches = 0;
    this.results = { hits: 0, searched: 0, incomplete: 0, cursor: /** @type {string | null} */ (null) };
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.box.addEventListener('input', () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.start(), PAUSE_MS);
    });
    this.box.addEventListener('keydown', (event) => this.handleKey(event));
    this.more.addEventListener('click', () => this.fetchNext());
    this.list.addEventListener('click', (event) => this.handleClick(event));
  }

  focus() {
    this.box.focus();
    this.box.select();
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    if (event.isComposing) return;
    if (event.key === 'Escape' && this.box.value) {
      event.stopPropagation(); // it ends the search, and does not stop a reply
      this.box.value = '';
      this.start();
    } else if (event.key === 'ArrowDown' || event.key === 'Enter') {
      const first = this.list.querySelector('a');
      if (!first) return;
      event.preventDefault();
      if (event.key === 'Enter') first.click();
      else first.focus();
    }
  }

  start() {
    const text = this.box.value.trim();
    if (text === this.text) return;
    this.text = text;
    this.searches += 1;
    this.results = { hits: 0, searched: 0, incomplete: 0, cursor: null };
    setVisible(find('conversation-list'), !text);
    setVisible(find('search-results'), Boolean(text));
    this.list.replaceChildren();
    if (text) this.fetchNext();
  }

  async fetchNext() {
    const { searches, text } = this;
    if (document.activeElement === this.more) this.box.focus(); // the button disappears
    setVisible(this.more, false);
    setText(this.status, 'Searching…');
    try {
      const page = await api.search(text, this.results.cursor);
      if (searches === this.searches) this.show(page);
    } catch (error) {
      if (searches !== this.searches) return;
      setText(this.status, errorMessage(error));
      setVisible(this.more, true);
    }
  }

  /** @param {SearchPage} page */
  show(page) {
    const { results } = this;
    results.hits += page.hits.length;
    results.searched += page.searched;
    results.incomplete += page.incomplete;
    results.cursor = page.cursor;
    this.list.append(...page.hits.map((hit) => this.item(hit)));
    const found = `Found in ${results.hits} conversation${results.hits === 1 ? '' : 's'}.`;
    const since = page.oldest ? `, back to ${formatDay(new Date(page.oldest))}` : '';
    const range = results.cursor ? `the newest ${results.searched}${since}` : `all ${results.searched}`;
    const partly = results.incomplete ? ` (${results.incomplete} only partly)` : '';
    setText(this.status, `${results.hits ? found : 'Nothing found.'} Searched ${range}${partly}.`);
    setVisible(this.more, Boolean(results.cursor));
  }

  /** @param {SearchHit} hit */
  item({ conversation, title, at, matches }) {
    const href = `/c/${conversation}`;
    const name = el('span', { class: 'name', dir: 'auto' }, ...this.highlighted(title || 'New conversation'));
    const day = el('span', { class: 'muted', text: formatDay(new Date(at)) });
    const item = el('li', {}, el('a', { href, 'data-conversation': conversation }, name, day));
    for (const { seq, text } of matches) {
      const link = `${href}#message-${seq}`;
      const attributes = {
        class: 'excerpt',
        dir: 'auto',
        href: link,
        'data-conversation': conversation,
        'data-seq': seq,
      };
      item.append(el('a', attributes, ...this.highlighted(text)));
    }
    return item;
  }

  /**
   * Return the text with its first match highlighted.
   * @param {string} text
   */
  highlighted(text) {
    const start = text.toLowerCase().indexOf(this.text.toLowerCase());
    if (start < 0) return [text];
    const end = start + this.text.length;
    return [text.slice(0, start), el('mark', { text: text.slice(start, end) }), text.slice(end)];
  }

  /** @param {MouseEvent} event */
  handleClick(event) {
    const link = event.target instanceof Element && event.target.closest('a');
    if (!link || !isPlainClick(event)) return;
    event.preventDefault();
    this.open(link.dataset.conversation ?? '', Number(link.dataset.seq) || null);
  }
}
