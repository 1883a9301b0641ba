// Pages of a conversation's history, fetched while the user scrolls: one at a time per conversation.

import { api } from '../net/api.js';

/**
 * @import { History } from '../net/types.js'
 * @import { Conversation } from './conversation.js'
 */

/** Messages per page. */
export const PAGE = 40;

/**
 * The `before` that a page was requested with, and the page, or null if the request failed.
 * @typedef {{ before: number, page: History | null }} PageResult
 */

/**
 * Fetch the page above what is loaded. Return null if there is none or another page is being fetched.
 * @param {Conversation} conversation
 */
export async function fetchOlder(conversation) {
  if (!conversation.isLoaded || !conversation.nextBefore) return null;
  return fetchPage(conversation, conversation.nextBefore);
}

/**
 * Fetch the page below what is shown above a gap. Return null if there is none or another page is being fetched.
 * @param {Conversation} conversation
 */
export async function fetchNewer(conversation) {
  const before = endOfNextPage(conversation);
  return before === null ? null : fetchPage(conversation, before);
}

/**
 * Return the `before` of the page that follows what is shown above a gap, or null without a gap.
 * @param {Conversation} conversation
 */
export const endOfNextPage = ({ gap }) => gap && gap.low + 1 + PAGE;

/**
 * Fetch the page around a message. It waits for a page that is being fetched.
 * @param {Conversation} conversation
 * @param {number} seq
 */
export async function fetchAround(conversation, seq) {
  while (conversation.pageRequest) await conversation.pageRequest;
  return fetchPage(conversation, seq + PAGE / 2);
}

/**
 * @param {Conversation} conversation
 * @param {number} before
 * @returns {Promise<PageResult> | null}
 */
function fetchPage(conversation, before) {
  if (conversation.pageRequest) return null;
  const pageRequest = api
    .history(conversation.id, before, PAGE)
    .then(
      (page) => ({ before, page }),
      () => ({ before, page: null }),
    )
    .finally(() => {
      conversation.pageRequest = null;
    });
  conversation.pageRequest = pageRequest;
  return pageRequest;
}
