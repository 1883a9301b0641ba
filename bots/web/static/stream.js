// One stream of events from the server. The browser reconnects by itself and names the last event it saw; a stream
// that the server refused (it restarts, say), or that went silent (the machine slept, the network changed and nobody
// said so), is opened again by hand, from the same place. Runs in a window or in the shared worker.

const SILENT_MS = 40_000; // the server says something every 15 s
const LOOK_MS = 5_000;
const AGAIN_MS = [300, 1000, 2000, 4000, 8000];

export class Stream {
  constructor(onEvent, onState) {
    this.onEvent = onEvent;
    this.onState = onState;
    this.last = null;
    this.source = null;
    this.timer = null;
    this.tries = 0;
    this.heard = Date.now();
    this.looking = setInterval(() => this.look(), LOOK_MS);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.source?.close();
    this.heard = Date.now();
    this.doubted = false;
    this.source = new EventSource('/api/events' + (this.last ? `?last=${encodeURIComponent(this.last)}` : ''));
    this.source.onopen = () => this.alive();
    this.source.addEventListener('beat', () => this.alive());
    this.source.onmessage = (message) => {
      this.alive();
      this.last = message.lastEventId;
      this.onEvent(JSON.parse(message.data));
    };
    this.source.onerror = () => {
      this.onState(false);
      this.again(AGAIN_MS[Math.min(this.tries, AGAIN_MS.length - 1)]);
      this.tries += 1;
    };
  }

  alive() {
    this.heard = Date.now();
    this.tries = 0;
    this.onState(true);
  }

  look() {
    if (Date.now() - this.heard <= SILENT_MS) return;
    this.onState(false); // a new one may hang as well, and tell of no error either
    this.open();
  }

  again(delay) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), delay);
  }

  // What a window knows better than a worker: the network came, went, or the window was looked at again.
  nudge(online) {
    if (!online) {
      this.doubted = true; // the connection may look open for minutes yet
      this.onState(false);
    } else if (this.doubted || this.source.readyState !== EventSource.OPEN) {
      this.again(0);
    } else {
      this.look();
    }
  }

  close() {
    clearTimeout(this.timer);
    clearInterval(this.looking);
    this.source.close();
  }
}
