// Libraries that are too large for a first load. Each is fetched when the first message wants it; until then the
// message stands plain, and is drawn again when the library has come.

import { el } from './dom.js';

const coming = new Map();

// The library, if it is there already; else it is sent for.
export function library(name, file) {
  if (!window[name] && !coming.has(name)) {
    coming.set(name, new Promise((resolve) => {
      const script = el('script', { src: `/static/vendor/${file}`, onload: resolve, onerror: resolve });
      document.head.append(script);
    }).then(() => window[name] && document.dispatchEvent(new Event('library'))));
  }
  return window[name];
}
