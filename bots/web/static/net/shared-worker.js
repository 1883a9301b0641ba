// The shared worker that holds the one event stream of a browser for all its windows. Over HTTP/1.1 a browser opens six
// connections to a host, so eight windows with a stream each would block one another. The worker lives as long as any
// of its windows.

import { EventStream } from './event-stream.js';
import { onIdentitySwitch } from './identity.js';

/** @import { WorkerMessage } from './live-events.js' */

/** @type {Set<MessagePort>} */
const ports = new Set();
/** @type {EventStream | null} */
let stream = null;
/** @type {boolean | null} */
let isOnline = null;

/** @param {WorkerMessage} message */
function broadcast(message) {
  for (const port of ports) port.postMessage(message);
}

function openStream() {
  stream = new EventStream(
    (event) => broadcast({ event }),
    (state) => {
      if (state !== isOnline) broadcast({ online: state });
      isOnline = state;
    },
  );
}

// The open stream belongs to the previous identity.
onIdentitySwitch(() => {
  if (!stream) return;
  stream.close();
  openStream();
});

self.addEventListener('connect', (event) => {
  const [port] = /** @type {MessageEvent} */ (event).ports;
  ports.add(port);
  port.onmessage = ({ data }) => {
    if (data === 'bye') ports.delete(port);
    else if (data === 'ping') port.postMessage({ pong: true });
    else stream?.setNetworkState(data === 'online');
    if (!ports.size) {
      // The browser may keep the worker for a moment, or for a window that is reloading: close the stream meanwhile.
      stream?.close();
      stream = null;
      isOnline = null;
    }
  };
  if (stream) port.postMessage({ online: isOnline, joined: true });
  else openStream();
});
