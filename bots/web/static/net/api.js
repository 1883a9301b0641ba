// The HTTP API. Every failure is an ApiError with a message for the user.

import { sessionStore, storage } from '../state/storage.js';
import { reloadAfterSwitch, switchIdentity } from './identity.js';

/**
 * @import { DirectoryPage, History, Inbound, Me, Message, SearchPage, SettingsChange, SettingsView } from './types.js'
 */

const READ_MS = 12_000; // then it is requested again, perhaps over a connection that is not dead
const WRITE_MS = 40_000;
const BODY_MS = 120_000; // a page with pictures takes long on a slow connection
const RETRY_MS = [500, 2000, 4000];
const RELOAD_PAUSE_MS = 10_000;
const RETRYABLE = new Set([408, 429, 500, 502, 503, 504]);

/** The status of a request that was made under another identity than the browser has now. */
export const IDENTITY_CHANGED = 412;

/** Raised when a request failed. `status` is 0 without a response. `isFinal`: a retry cannot succeed. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status @param {boolean} isFinal */
  constructor(message, status, isFinal) {
    super(message);
    this.status = status;
    this.isFinal = isFinal;
  }
}

/** @type {string | null} The identity of this window. The browser may have switched to another one. */
let person = null;

/** @type {Promise<Me> | null} */
let pendingMe = null;

/**
 * @template T
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON
 * @param {(response: Response) => Promise<T>} [read]
 * @returns {Promise<T>}
 * @throws {ApiError}
 */
async function request(method, path, body, read = (response) => response.json()) {
  const controller = new AbortController();
  const abortAfter = (/** @type {number} */ ms) => setTimeout(() => controller.abort(), ms);
  /** @type {Record<string, string>} */
  const headers = {};
  if (person) headers['X-Person'] = person;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let timer = abortAfter(method === 'GET' ? READ_MS : WRITE_MS);
  let response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive: method === 'DELETE', // the window may be closing
      signal: controller.signal,
    });
    clearTimeout(timer);
    timer = abortAfter(BODY_MS);
    if (response.ok) return await read(response); // the connection may break while the body is read
  } catch {
    throw new ApiError(navigator.onLine ? 'The server is not responding.' : 'You are offline.', 0, false);
  } finally {
    clearTimeout(timer);
  }
  if (response.status === 401) reloadOnce();
  if (response.status === IDENTITY_CHANGED) {
    // Trap: reload only after the caller has removed what it was about to send. Else the next page would send it.
    setTimeout(reloadAfterSwitch);
    throw new ApiError('This browser has switched to another identity.', IDENTITY_CHANGED, true);
  }
  const { error } = await response.json().catch(() => ({}));
  const message = error || `The server returned HTTP ${response.status}.`;
  throw new ApiError(message, response.status, !RETRYABLE.has(response.status));
}

/**
 * Retry after a failure that is not final. Only for requests that the server executes once, however often they arrive.
 * @template T
 * @param {() => Promise<T>} act
 * @returns {Promise<T>}
 */
async function withRetries(act) {
  for (const pause of RETRY_MS) {
    try {
      return await act();
    } catch (error) {
      if (error instanceof ApiError && error.isFinal) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return act();
}

// Shows the sign-in page, or gets a new identity. Not in an endless loop where the browser keeps no cookies.
function reloadOnce() {
  const before = Number(sessionStore.read('reloaded', 'at')) || 0;
  if (Date.now() - before < RELOAD_PAUSE_MS) return;
  sessionStore.write('reloaded', 'at', Date.now());
  location.reload();
}

/** @param {string} conversation */
const path = (conversation, rest = '') => `/api/conversations/${conversation}${rest}`;

/** @param {Record<string, string | number | null | undefined>} parameters empty ones are left out */
function query(parameters) {
  const given = Object.entries(parameters).flatMap(([name, value]) => (value ? [[name, String(value)]] : []));
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

// Fetches the identity of this browser once. Messages wait for it, or they might be sent under another identity.
/** @returns {Promise<Me>} */
function me() {
  pendingMe ||= fetchMe().catch((error) => {
    pendingMe = null;
    throw error;
  });
  return pendingMe;
}

/** @returns {Promise<Me>} */
async function fetchMe() {
  /** @type {Me} */
  const known = await request('GET', '/api/me');
  const before = storage.read('person', 'me');
  storage.write('person', 'me', known.person);
  if (!known.devices && before && before !== known.person) {
    switchIdentity(); // another user has signed in: the stored drafts are not theirs
    return new Promise(() => {});
  }
  person = known.person;
  return known;
}

export const api = {
  me,

  /** @param {string | null} [cursor] @returns {Promise<DirectoryPage>} */
  listConversations: (cursor) => request('GET', `/api/conversations${query({ cursor })}`),

  /** @param {string} id @param {number | null} before @param {number} limit @returns {Promise<History>} */
  history: (id, before, limit) => request('GET', path(id, query({ limit, before }))),

  /** @param {string} id @param {Inbound & { again: number }} message @returns {Promise<unknown>} */
  send: async (id, message) => {
    await me();
    return request('POST', path(id, '/messages'), message);
  },

  /** @param {string} id @param {number} turn @returns {Promise<unknown>} */
  stop: (id, turn) => request('POST', path(id, '/stop'), { turn }),

  /** @param {string} id @param {string} messageId @returns {Promise<{ messages: Inbound[] }>} */
  withdraw: (id, messageId) => withRetries(() => request('POST', path(id, '/withdraw'), { id: messageId })),

  /** @param {string} id @param {number} turn @param {number | undefined} reply @returns {Promise<unknown>} */
  regenerate: (id, turn, reply) => request('POST', path(id, '/regenerate'), { turn, reply }),

  /** @param {string} id @param {Pick<Message, 'seq' | 'text' | 'at'>} reply @returns {Promise<unknown>} */
  continueReply: (id, { seq, text, at }) =>
    request('POST', path(id, '/continue'), { reply: seq, length: text.length, at }),

  /** @param {string} id @param {number} seq @returns {Promise<unknown>} */
  chooseVersion: (id, seq) => request('POST', path(id, '/choose'), { seq }),

  /** @param {string} id @param {string} title @returns {Promise<unknown>} */
  rename: (id, title) => request('PATCH', path(id), { title }),

  /** @param {string} id @returns {Promise<unknown>} */
  remove: (id) => request('DELETE', path(id)),

  /** @param {string} text @param {string | null} cursor @returns {Promise<SearchPage>} */
  search: (text, cursor) => request('GET', `/api/search${query({ text, cursor })}`),

  /** @returns {Promise<SettingsView>} */
  settings: () => request('GET', '/api/settings'),

  /** @param {SettingsChange} change @returns {Promise<SettingsView>} */
  changeSettings: (change) => request('PATCH', '/api/settings', change),

  /** @returns {Promise<{ token: string }>} */
  invite: () => request('POST', '/api/invitation'),

  /** @returns {Promise<unknown>} */
  restoreIdentity: () => request('POST', '/api/restore-identity'),

  /** @param {string} id @param {string} format @returns {Promise<Blob>} */
  exportConversation: (id, format) =>
    request('GET', path(id, `/export${query({ format })}`), undefined, (response) => response.blob()),
};
