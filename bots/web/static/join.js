// Joins this browser to the device that made the link. It asks first: a link that is only opened, by a chat program
// that makes previews, is not used up. The token is removed from the address at once.

import { switchIdentity } from './net/identity.js';

/** @import { DirectoryPage } from './net/types.js' */

const KEY = 'threadwell:join-token'; // kept for this tab: a reload must not lose it
if (location.hash) sessionStorage.setItem(KEY, location.hash.slice(1));
const token = sessionStorage.getItem(KEY) || '';
history.replaceState(null, '', '/join');

/** @param {string} text */
const showError = (text) => document.getElementById('error')?.replaceChildren(text);

/** @param {string} path */
function postToken(path) {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(path, { method: 'POST', headers, body: JSON.stringify({ token }) });
}

/** Show what is wrong with the link, or what this browser would no longer show. */
async function checkLink() {
  const check = await postToken('/api/join/check');
  if (!check.ok) {
    showError((await check.json()).error);
    return;
  }
  const response = await fetch('/api/conversations');
  if (!response.ok) return; // the browser has no identity yet
  const own = document.getElementById('own-conversations');
  const text = describeOwn(await response.json());
  if (!own || !text) return;
  own.textContent = text;
  own.hidden = false;
}

/** @param {DirectoryPage} page */
function describeOwn({ entries, cursor }) {
  if (!entries.length) return '';
  const many = `${cursor ? 'more than ' : ''}${entries.length} conversations`;
  const count = entries.length === 1 && !cursor ? 'one conversation' : many;
  return `This browser has ${count} of its own. Joining hides them; you can switch back in Settings. Drafts are lost.`;
}

document.getElementById('join')?.addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const response = await postToken('/api/join');
    if (response.ok) switchIdentity();
    else showError((await response.json()).error);
  } catch {
    showError('The server is not responding. Try again.');
  }
});

checkLink().catch(() => {});
