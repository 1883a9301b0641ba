// Keyboard shortcuts and the dialog that lists them.

import { findDialog, isDialogOpen } from './dialogs.js';
import { el, find } from './dom.js';

const isApple = /Mac|iP(hone|ad)/.test(navigator.platform);
const MOD = isApple ? '⌘' : 'Ctrl';
const SHORTCUTS = [
  ['Send', 'Enter'],
  ['New line', 'Shift', 'Enter'],
  ['Stop the reply', 'Esc'],
  ['Search', MOD, 'K'],
  ['New conversation', MOD, 'Shift', 'O'],
  ['Show or hide this list', '?'],
  ['Show or hide it while writing', MOD, '/'],
];

/** @param {{ search: () => void, newConversation: () => void }} actions */
export function listenForShortcuts(actions) {
  const dialog = findDialog('shortcuts-dialog');
  const toggle = () => {
    if (dialog.open) dialog.close();
    else if (!isDialogOpen()) dialog.showModal();
  };
  const rows = SHORTCUTS.flatMap(([label, ...keys]) => [
    el('dt', { text: label }),
    el('dd', {}, ...keys.map((text) => el('kbd', { text }))),
  ]);
  find('shortcuts-list').append(...rows);
  find('shortcuts').addEventListener('click', toggle);

  /** @param {KeyboardEvent} event */
  const actionOf = (event) => {
    const isTyping = event.target instanceof Element && event.target.closest('input, textarea, select');
    if (!event.ctrlKey && !event.metaKey) return event.key === '?' && !isTyping ? toggle : null;
    if (event.key === '/') return toggle;
    if (event.key === 'k' && !event.shiftKey) return actions.search;
    return event.key.toLowerCase() === 'o' && event.shiftKey ? actions.newConversation : null;
  };

  document.addEventListener('keydown', (event) => {
    if (event.isComposing || event.altKey) return;
    const act = actionOf(event);
    if (!act || (isDialogOpen() && act !== toggle)) return;
    event.preventDefault();
    act();
  });
}
