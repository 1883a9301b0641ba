// The address of the page: /c/CONVERSATION#message-SEQ. Each entry of the browser's history has an id of its own, under
// which its scroll position is saved.

import { newId } from '../state/conversation.js';

const PATH = /^\/c\/([A-Za-z0-9_-]{1,64})$/;
const HASH = /^#message-(\d{1,15})$/;

/** Return the conversation of the address, or null for a new one. */
export const addressedConversation = () => location.pathname.match(PATH)?.[1] ?? null;

/** Return the `seq` of the message that the address links to. */
export const linkedMessage = () => Number(location.hash.match(HASH)?.[1]) || null;

/**
 * Add an entry to the browser's history.
 * @param {string | null} id of the conversation; null for a new one
 * @param {number | null} [seq] of a message
 */
export function pushAddress(id, seq) {
  const hash = seq ? `#message-${seq}` : '';
  history.pushState({ entry: newId() }, '', id ? `/c/${id}${hash}` : '/');
}

/** Return the id of the current entry of the browser's history. */
export function historyEntry() {
  if (!history.state?.entry) history.replaceState({ entry: newId() }, '');
  return String(history.state.entry);
}
