// A conversation as a file: the menu, and handing the file to the browser.

import { api } from './api.js';
import { el, find } from './dom.js';

const ENDINGS = { markdown: 'md', json: 'json' };
const nameOf = (title) => title.replace(/[\s\\/:*?"<>|\p{Cc}]+/gu, ' ').trim().slice(0, 80) || 'conversation';

// `shown` gives the conversation, `attempt` tells a failure.
export function listenForExports(shown, attempt) {
  const menu = find('export-menu');
  const items = [...menu.querySelectorAll('button')];
  menu.addEventListener('toggle', ({ newState }) => newState === 'open' && items[0].focus());
  menu.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  });
  menu.addEventListener('click', ({ target }) => {
    const { format } = target.dataset;
    if (!format) return;
    menu.hidePopover();
    attempt(() => save(shown(), format));
  });
}

async function save({ id, title }, format) {
  const url = URL.createObjectURL(await api.exported(id, format));
  el('a', { href: url, download: `${nameOf(title)}.${ENDINGS[format]}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
