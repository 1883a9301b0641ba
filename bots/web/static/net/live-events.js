// Live events for this window: from the shared worker, or from a stream of its own while the window is visible.

import { EventStream } from './event-stream.js';

/** @import { LiveEvent, StreamEvent, StreamState } from './types.js' */

/**
 * A message of the shared worker to a window. `joined`: the stream was open before this window listened.
 * @typedef {{ event?: LiveEvent, online?: boolean | null, joined?: boolean, pong?: boolean }} WorkerMessage
 */

const ANSWER_MS = 5_000;
const PING_MS = 20_000;

/** @param {StreamEvent} onEvent @param {StreamState} onState */
export function listenForEvents(onEvent, onState) {
  let setNetworkState = (/** @type {boolean} */ _isOnline) => {};
  /** @type {MessagePort | null} */
  let currentPort = null;

  function useOwnStream() {
    currentPort = null;
    /** @type {EventStream | null} */
    let stream = new EventStream(onEvent, onState);
    setNetworkState = (isOnline) => stream?.setNetworkState(isOnline);
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) {
        stream?.close();
        stream = null;
      } else if (!stream) {
        stream = new EventStream(onEvent, onState);
      }
    });
  }

  function useSharedWorker() {
    const worker = new SharedWorker(new URL('./shared-worker.js', import.meta.url), {
      type: 'module',
      name: 'threadwell',
    });
    const { port } = worker;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let answerTimer;
    // Trap: a browser short of memory kills a worker without an event. Then another worker is started.
    const ping = (/** @type {() => void} */ onNoAnswer) => {
      port.postMessage('ping');
      answerTimer ||= setTimeout(() => currentPort === port && onNoAnswer(), ANSWER_MS);
    };
    const pinging = setInterval(() => {
      if (currentPort === port) ping(startAgain);
      else clearInterval(pinging);
    }, PING_MS);
    const startAgain = () => {
      onState(false);
      useSharedWorker();
      port.postMessage('bye');
    };
    worker.onerror = () => {
      clearTimeout(answerTimer);
      if (currentPort === port) useOwnStream();
    };
    currentPort = port;
    port.onmessage = (message) => {
      /** @type {WorkerMessage} */
      const data = message.data;
      clearTimeout(answerTimer);
      answerTimer = undefined;
      if (currentPort !== port) return;
      if (data.joined) onEvent({ kind: 'resync' }); // events before this window listened are unknown
      if (data.event) onEvent(data.event);
      else if (typeof data.online === 'boolean') onState(data.online);
    };
    ping(useOwnStream);
    setNetworkState = (isOnline) => currentPort?.postMessage(isOnline ? 'online' : 'offline');
  }

  // A page in the back/forward cache must not count as a reader. When it is shown again it loads again.
  window.addEventListener('pagehide', () => currentPort?.postMessage('bye'));
  window.addEventListener('pageshow', (event) => {
    if (event.persisted && window.SharedWorker) location.reload();
  });

  window.addEventListener('online', () => setNetworkState(true));
  window.addEventListener('offline', () => setNetworkState(false));
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden && navigator.onLine) setNetworkState(true);
  });
  if (window.SharedWorker) useSharedWorker();
  else useOwnStream();
}
