// The HTTP side of the page. Every failure is an Error whose message is a line for the person; `final` says that
// trying again as it is will not help.

import { becomeAnother, beginAnew } from './another.js';
import { remembered, stored } from './stored.js';

const READ_MS = 12_000; // it is asked again, perhaps over a connection that is not dead
const WRITE_MS = 40_000;
const BODY_MS = 120_000; // a page of pictures takes its time on a slow line
const INSIST_MS = [500, 2000, 4000];
export const ANOTHER = 412;
const MAY_PASS = new Set([408, 429, 500, 502, 503, 504]);

let person = null; // for whom this window asks: the browser may have become somebody else
let meeting = null;

async function ask(method, path, body, read = (answer) => answer.json()) {
  const patience = new AbortController();
  const within = (ms) => setTimeout(() => patience.abort(), ms);
  let timer = within(method === 'GET' ? READ_MS : WRITE_MS);
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: { ...(person && { 'X-Person': person }), ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
      keepalive: method === 'DELETE', // asked for by a window that may be closing
      signal: patience.signal,
    });
    clearTimeout(timer);
    timer = within(BODY_MS);
    if (answer.ok) return await read(answer); // which may break off in the middle
  } catch {
    const line = navigator.onLine ? 'The page’s server does not answer.' : 'You are offline.';
    throw Object.assign(new Error(line), { status: 0, final: false });
  } finally {
    clearTimeout(timer);
  }
  if (answer.status === 401) comeAgain();
  if (answer.status === ANOTHER) {
    // Not before whoever asked has let go of what it was about to say: the page that is loaded next would say it.
    setTimeout(beginAnew);
    throw Object.assign(new Error('This browser is somebody else by now.'), { status: ANOTHER, final: true });
  }
  const told = await answer.json().catch(() => ({}));
  const error = new Error(told.error || `The page’s server answers with HTTP ${answer.status}.`);
  throw Object.assign(error, { status: answer.status, final: !MAY_PASS.has(answer.status) });
}

// Asks again when it failed in passing: for what the server does once, however often it is asked.
async function insist(act) {
  for (const pause of INSIST_MS) {
    try {
      return await act();
    } catch (error) {
      if (error.final) throw error;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return act();
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

// Who this browser is, asked once. What is sent waits for it, or it might go out in the name of somebody else.
function me() {
  meeting ||= ask('GET', '/api/me').then((known) => {
    const before = stored.read('person', 'me');
    stored.write('person', 'me', known.person);
    if (!known.devices && before && before !== known.person) {
      becomeAnother(); // somebody else has signed in: what lies here is not theirs
      return new Promise(() => {});
    }
    person = known.person;
    return known;
  }).catch((error) => {
    meeting = null;
    throw error;
  });
  return meeting;
}

export const api = {
  me,
  list: (cursor) => ask('GET', '/api/conversations' + query({ cursor })),
  history: (c, before, limit = 40) => ask('GET', at(c, query({ limit, before }))),
  send: async (c, message) => {
    await me();
    return ask('POST', at(c, '/messages'), message);
  },
  stop: (c, turn) => ask('POST', at(c, '/stop'), { turn }),
  withdraw: (c, id) => insist(() => ask('POST', at(c, '/withdraw'), { id })),
  regenerate: (c, turn, reply) => ask('POST', at(c, '/regenerate'), { turn, reply }),
  goOn: (c, { seq, text, at: ended }) => ask('POST', at(c, '/go-on'), { reply: seq, length: text.length, at: ended }),
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
