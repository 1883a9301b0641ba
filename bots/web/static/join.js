// Makes this browser the person who made the link. It asks first: a link that is only looked at, by a chat program that
// makes previews or by an eager finger, is not used up. The token leaves the address at once.

import { becomeAnother } from './another.js';

// It is kept for this tab, which a reload leaves as it was.
const KEPT = 'threadwell:joining';
if (location.hash) sessionStorage.setItem(KEPT, location.hash.slice(1));
const token = sessionStorage.getItem(KEPT) || '';
history.replaceState(null, '', '/join');
const say = (line) => { document.getElementById('said').textContent = line; };

function present(path) {
  const headers = { 'Content-Type': 'application/json' };
  return fetch(path, { method: 'POST', headers, body: JSON.stringify({ token }) });
}

// What joining would lead to, said before the button is pressed: what is wrong with the link, or what this browser
// would no longer show.
async function look() {
  const looked = await present('/api/join/look');
  if (!looked.ok) {
    say((await looked.json()).error);
    return;
  }
  const answer = await fetch('/api/conversations');
  if (!answer.ok) return; // it has no identity yet
  const { entries, cursor } = await answer.json();
  if (!entries.length) return;
  const many = entries.length === 1 && !cursor ? 'one conversation' : `${cursor ? 'more than ' : ''}${entries.length} conversations`;
  const own = document.getElementById('own');
  own.textContent = `This browser has ${many} of its own, which it will no longer show. They are kept: Settings has a way back. Drafts are not.`;
  own.hidden = false;
}

document.getElementById('join').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const answer = await present('/api/join');
    if (answer.ok) becomeAnother();
    else say((await answer.json()).error);
  } catch {
    say('The page’s server does not answer. Try again.');
  }
});

look().catch(() => {});
