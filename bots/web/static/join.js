// Makes this browser the person who made the link. It asks first: a link that is only looked at, by a chat program that
// makes previews or by an eager finger, is not used up. The token leaves the address at once.
const token = location.hash.slice(1);
history.replaceState(null, '', '/join');
const say = (line) => { document.getElementById('said').textContent = line; };

// Drafts, and messages on their way out, are those of whoever this browser was before.
function forgetWhoWasHere() {
  const theirs = Object.keys(localStorage).filter((name) => name.startsWith('threadwell:') && !name.startsWith('threadwell:theme'));
  for (const name of theirs) localStorage.removeItem(name);
  sessionStorage.clear();
}

document.getElementById('join').addEventListener('submit', async (event) => {
  event.preventDefault();
  try {
    const headers = { 'Content-Type': 'application/json' };
    const answer = await fetch('/api/join', { method: 'POST', headers, body: JSON.stringify({ token }) });
    if (answer.ok) {
      forgetWhoWasHere();
      location.replace('/');
    } else say((await answer.json()).error);
  } catch {
    say('The page’s server does not answer. Try again.');
  }
});
