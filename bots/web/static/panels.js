// The panels that open over the page: the list of shortcuts, and what all of them share.

import { el, find } from './dom.js';

const APPLE = /Mac|iP(hone|ad)/.test(navigator.platform);
const MOD = APPLE ? '⌘' : 'Ctrl';
const SHORTCUTS = [
  ['Send', 'Enter'],
  ['New line', 'Shift', 'Enter'],
  ['Stop the reply', 'Esc'],
  ['Search', MOD, 'K'],
  ['New conversation', MOD, 'Shift', 'O'],
  ['Show or hide this list', '?'],
  ['The same, while writing', MOD, '/'],
];

const OPEN = CSS.supports('selector(:popover-open)') ? 'dialog[open], :popover-open' : 'dialog[open]';
export const aPanelIsOpen = () => Boolean(document.querySelector(OPEN));

// A dialog that closes by its cross, by Esc, and by a click beside it.
export function panel(id) {
  const dialog = find(id);
  dialog.querySelector('.close').addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  return dialog;
}

// `acts`: { search(), fresh() }
export function listenForShortcuts(acts) {
  const dialog = panel('shortcuts-dialog');
  const toggle = () => (dialog.open ? dialog.close() : aPanelIsOpen() || dialog.showModal());
  find('shortcuts-list').append(...SHORTCUTS.flatMap(([what, ...keys]) => [
    el('dt', { text: what }),
    el('dd', {}, ...keys.map((text) => el('kbd', { text }))),
  ]));
  find('shortcuts').addEventListener('click', toggle);
  document.addEventListener('keydown', (event) => {
    if (event.isComposing || event.altKey) return;
    const act = wanted(event, toggle, acts);
    if (!act || (aPanelIsOpen() && act !== toggle)) return;
    event.preventDefault();
    act();
  });
}

function wanted(event, toggle, acts) {
  const writes = event.target.closest?.('input, textarea, select');
  if (!event.ctrlKey && !event.metaKey) return event.key === '?' && !writes ? toggle : null;
  if (event.key === '/') return toggle;
  if (event.key === 'k' && !event.shiftKey) return acts.search;
  return event.key.toLowerCase() === 'o' && event.shiftKey ? acts.fresh : null;
}
