// Live events for this window: from the shared worker where there is one, else from a stream of its own that is
// held only while the window is seen.

import { Stream } from './stream.js';

const ANSWER_MS = 5_000;
const PING_MS = 20_000;

export function listen(onEvent, onState) {
  let nudge = () => {};
  let port = null;

  function own() {
    port = null;
    let stream = new Stream(onEvent, onState);
    nudge = (state) => stream?.nudge(state);
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) {
        stream?.close();
        stream = null;
      } else if (!stream) {
        stream = new Stream(onEvent, onState);
      }
    });
  }

  function shared() {
    const worker = new SharedWorker('/static/shared-stream.js', { type: 'module', name: 'threadwell' });
    const mine = worker.port;
    let unanswered = null;
    // A worker may die without a word (the browser was short of memory, say): then another is started.
    const ask = (lost) => {
      mine.postMessage('ping');
      unanswered ||= setTimeout(() => port === mine && lost(), ANSWER_MS);
    };
    const pinging = setInterval(() => {
      if (port === mine) ask(again);
      else clearInterval(pinging);
    }, PING_MS);
    const again = () => {
      onState(false);
      shared();
      mine.postMessage('bye');
    };
    worker.onerror = () => {
      clearTimeout(unanswered);
      if (port === mine) own();
    };
    port = mine;
    port.onmessage = ({ data }) => {
      clearTimeout(unanswered);
      unanswered = null;
      if (port !== mine) return;
      if (data.joined) onEvent({ kind: 'resync' }); // what happened before this window listened
      if (data.event) onEvent(data.event);
      else if ('online' in data && data.online !== null) onState(data.online);
    };
    ask(own);
    nudge = (state) => port?.postMessage(state ? 'online' : 'offline');
  }

  // A page that is kept for Back must not be counted as a reader; coming back, it joins again and looks anew.
  window.addEventListener('pagehide', () => port?.postMessage('bye'));
  window.addEventListener('pageshow', (event) => {
    if (event.persisted && window.SharedWorker) location.reload();
  });

  window.addEventListener('online', () => nudge(true));
  window.addEventListener('offline', () => nudge(false));
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && navigator.onLine) nudge(true);
  });
  if (window.SharedWorker) shared();
  else own();
}
