// Makes this browser the person who made the link. It asks first: a link that is only looked at, by a chat program that
// makes previews or by an eager finger, is not used up. The token leaves the address at once.

import { becomeAnother } from './another.js';

const token = location.hash.slice(1);
history.replaceState(null, '', '/join');
const say = (line) => { document.getElementById('said').textContent = line; };

// What this browser would no longer show, said before the button is pressed.
async function tellOfItsOwn() {
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
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch('/api/join', { method: 'POST', headers, body: JSON.stringify({ token }) });
    if (answer.ok) becomeAnother();
    else say((await answer.json()).error);
  } catch {
    say('The page’s server does not answer. Try again.');
  }
});

tellOfItsOwn().catch(() => {});
