// The HTTP side of the page. Every failure is an Error whose message is a line for the person.

async function ask(method, path, body) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw Object.assign(new Error('You are offline, or the page’s server is away.'), { offline: true });
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw Object.assign(new Error(told.error || `HTTP ${answer.status}`), { status: answer.status });
  return told;
}

const at = (conversation, rest = '') => `/api/conversations/${conversation}${rest}`;

export const api = {
  me: () => ask('GET', '/api/me'),
  list: (cursor) => ask('GET', '/api/conversations' + (cursor ? `?cursor=${encodeURIComponent(cursor)}` : '')),
  history: (c, before, limit = 40) => ask('GET', at(c, `?limit=${limit}` + (before ? `&before=${before}` : ''))),
  send: (c, message) => ask('POST', at(c, '/messages'), message),
  stop: (c, turn) => ask('POST', at(c, '/stop'), { turn }),
  withdraw: (c, id) => ask('POST', at(c, '/withdraw'), { id }),
  regenerate: (c, turn) => ask('POST', at(c, '/regenerate'), { turn }),
  rename: (c, title) => ask('PATCH', at(c), { title }),
  remove: (c) => ask('DELETE', at(c)),
};
