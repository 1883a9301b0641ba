// One stream of server-sent events. Runs in a window or in the shared worker.

/** @import { StreamEvent, StreamState } from './types.js' */

const SILENT_MS = 40_000; // the server sends something every 15 s
const CHECK_MS = 5_000;
const RECONNECT_MS = [300, 1000, 2000, 4000, 8000];

/**
 * Passes events on, and reconnects from the last event seen. The browser does not reconnect a stream that the server
 * refused (while it restarts), and does not notice one that went silent (the machine slept, the network changed).
 */
export class EventStream {
  /** @param {StreamEvent} onEvent @param {StreamState} onState */
  constructor(onEvent, onState) {
    this.onEvent = onEvent;
    this.onState = onState;
    /** @type {string | null} */
    this.lastEventId = null;
    /** @type {EventSource | undefined} */
    this.source = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.attempts = 0;
    this.lastSignal = Date.now();
    this.wasOffline = false;
    this.checking = setInterval(() => this.checkSilence(), CHECK_MS);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    this.lastSignal = Date.now();
    this.wasOffline = false;
    const query = this.lastEventId ? `?last=${encodeURIComponent(this.lastEventId)}` : '';
    const source = new EventSource(`/api/events${query}`);
    this.source = source;
    source.onopen = () => this.markAlive();
    source.addEventListener('beat', () => this.markAlive());
    source.onmessage = (message) => {
      this.markAlive();
      this.lastEventId = message.lastEventId;
      this.onEvent(JSON.parse(message.data));
    };
    source.onerror = () => {
      this.onState(false);
      this.reopenAfter(RECONNECT_MS[Math.min(this.attempts, RECONNECT_MS.length - 1)]);
      this.attempts += 1;
    };
  }

  markAlive() {
    this.lastSignal = Date.now();
    this.attempts = 0;
    this.onState(true);
  }

  checkSilence() {
    if (Date.now() - this.lastSignal <= SILENT_MS) return;
    this.onState(false); // the next connection may hang without an error, too
    this.open();
  }

  /** @param {number} ms */
  reopenAfter(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), ms);
  }

  /**
   * Reconnect or check the stream: a window has noticed a change of the network, or has become visible.
   * @param {boolean} isOnline whether the network is there; also true when the window is shown again
   */
  setNetworkState(isOnline) {
    if (!isOnline) {
      this.wasOffline = true; // the connection may look open for minutes
      this.onState(false);
    } else if (this.wasOffline || this.source?.readyState !== EventSource.OPEN) {
      this.reopenAfter(0);
    } else {
      this.checkSilence();
    }
  }

  close() {
    clearTimeout(this.timer);
    clearInterval(this.checking);
    this.source?.close();
  }
}
