// The worker that holds the one stream of a browser for all its windows: over HTTP/1.1 a browser opens six
// connections to a host, so eight windows with a stream each would starve one another. It lives as long as any of
// its windows; none of them is in charge, so none has to hand over when it closes.

import { whenAnother } from './another.js';
import { Stream } from './stream.js';

const windows = new Set();
let stream = null;
let online = null;

function tell(message) {
  for (const port of windows) port.postMessage(message);
}

function start() {
  stream = new Stream(
    (event) => tell({ event }),
    (state) => {
      if (state !== online) tell({ online: state });
      online = state;
    },
  );
}

// The open stream is that of whoever this browser was.
whenAnother(() => {
  if (!stream) return;
  stream.close();
  start();
});

self.onconnect = ({ ports: [port] }) => {
  windows.add(port);
  port.onmessage = ({ data }) => {
    if (data === 'bye') windows.delete(port);
    else if (data === 'ping') port.postMessage({ pong: true });
    else stream?.nudge(data === 'online');
    if (!windows.size) {
      // The worker may be kept for a moment, or for a window that a reload opens: no stream without a reader.
      stream?.close();
      stream = null;
      online = null;
    }
  };
  if (stream) port.postMessage({ online, joined: true });
  else start();
};
