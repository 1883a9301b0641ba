// A browser that becomes somebody else, by joining or by going back: every window of it does, and none goes on as
// whoever it was. The worker that holds the stream listens on the same channel.

const CHANNEL = 'threadwell';

// Drafts, and messages on their way out, are those of whoever this browser was before.
export function becomeAnother() {
  const theirs = Object.keys(localStorage).filter((name) => name.startsWith('threadwell:') && !name.startsWith('threadwell:theme'));
  for (const name of theirs) localStorage.removeItem(name);
  new BroadcastChannel(CHANNEL).postMessage('another');
  beginAnew();
}

let leaving = false;

// Once, though it is told of twice, by the window that joined and by the server’s next answer: a second call would begin
// the loading again, and has Chromium’s renderer die now and then while DevTools, or a test, look at it.
export function beginAnew() {
  if (leaving) return;
  leaving = true;
  sessionStorage.clear();
  location.replace('/');
}

export function whenAnother(act) {
  new BroadcastChannel(CHANNEL).onmessage = act;
}
