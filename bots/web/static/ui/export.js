// The export menu, and saving a conversation as a file.

import { api } from '../net/api.js';
import { el, find } from './dom.js';

/** @import { Conversation } from '../state/conversation.js' */

/** @type {Record<string, string>} */
const EXTENSIONS = { markdown: 'md', json: 'json' };
const REVOKE_MS = 60_000;

/** @param {string} title */
const fileNameOf = (title) =>
  title
    .replace(/[\s\\/:*?"<>|\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, 80) || 'conversation';

/**
 * @param {() => Conversation} current
 * @param {(act: () => Promise<void>) => void} attempt runs `act` and shows its error
 */
export function listenForExports(current, attempt) {
  const menu = find('export-menu');
  const items = [...menu.querySelectorAll('button')];
  menu.addEventListener('toggle', (event) => {
    if (/** @type {ToggleEvent} */ (event).newState === 'open') items[0].focus();
  });
  menu.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const focused = items.findIndex((item) => item.matches(':focus'));
    items[(focused + step + items.length) % items.length].focus();
  });
  menu.addEventListener('click', ({ target }) => {
    const format = target instanceof HTMLElement && target.dataset.format;
    if (!format) return;
    menu.hidePopover();
    attempt(() => save(current(), format));
  });
}

/** @param {Conversation} conversation @param {string} format */
async function save({ id, title }, format) {
  const url = URL.createObjectURL(await api.exportConversation(id, format));
  el('a', { href: url, download: `${fileNameOf(title)}.${EXTENSIONS[format]}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_MS);
}
