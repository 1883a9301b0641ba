// The HTTP side of the page. Every failure is an Error whose message is a line for the person; `final` says that
// trying again as it is will not help.

import { beginAnew } from './another.js';
import { remembered } from './stored.js';

const READ_MS = 12_000; // it is asked again, perhaps over a connection that is not dead
const WRITE_MS = 40_000;
export const ANOTHER = 412;
const MAY_PASS = new Set([408, 429, 500, 502, 503, 504]);

let person = null; // for whom this window asks: the browser may have become somebody else

async function ask(method, path, body, read = (answer) => answer.json().catch(() => ({}))) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { ...(person && { 'X-Person': person }), ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive: method === 'DELETE', // asked for by a window that may be closing
      signal: AbortSignal.timeout?.(method === 'GET' ? READ_MS : WRITE_MS),
    });
  } catch {
    const line = navigator.onLine ? 'The page’s server does not answer.' : 'You are offline.';
    throw Object.assign(new Error(line), { status: 0, final: false });
  }
  if (answer.status === 401) comeAgain();
  if (answer.status === ANOTHER) beginAnew();
  if (answer.ok) return read(answer);
  const told = await answer.json().catch(() => ({}));
  const error = new Error(told.error || `The page’s server answers with HTTP ${answer.status}.`);
  throw Object.assign(error, { status: answer.status, final: !MAY_PASS.has(answer.status) });
}

// The sign-in page, or a new identity; but not for ever, where the browser keeps no cookies.
function comeAgain() {
  const before = remembered.read('reloaded', 'at') || 0;
  if (Date.now() - before < 10_000) return;
  remembered.write('reloaded', 'at', Date.now());
  location.reload();
}

const at = (conversation, rest = '') => `/api/conversations/${conversation}${rest}`;
const query = (given) => {
  const kept = Object.entries(given).filter(([, value]) => value);
  return kept.length ? `?${new URLSearchParams(kept)}` : '';
};

export const api = {
  me: async () => {
    const me = await ask('GET', '/api/me');
    person = me.person;
    return me;
  },
  list: (cursor) => ask('GET', '/api/conversations' + query({ cursor })),
  history: (c, before, limit = 40) => ask('GET', at(c, query({ limit, before }))),
  send: (c, message) => ask('POST', at(c, '/messages'), message),
  stop: (c, turn) => ask('POST', at(c, '/stop'), { turn }),
  withdraw: (c, id) => ask('POST', at(c, '/withdraw'), { id }),
  regenerate: (c, turn, reply) => ask('POST', at(c, '/regenerate'), { turn, reply }),
  goOn: (c, reply, length) => ask('POST', at(c, '/go-on'), { reply, length }),
  show: (c, seq) => ask('POST', at(c, '/choose'), { seq }),
  rename: (c, title) => ask('PATCH', at(c), { title }),
  remove: (c) => ask('DELETE', at(c)),
  search: (text, cursor) => ask('GET', '/api/search' + query({ text, cursor })),
  settings: () => ask('GET', '/api/settings'),
  choose: (change) => ask('PATCH', '/api/settings', change),
  invite: () => ask('POST', '/api/invitation'),
  goBack: () => ask('POST', '/api/go-back'),
  exported: (c, format) => ask('GET', at(c, '/export' + query({ format })), undefined, (answer) => answer.blob()),
};
