// Libraries that are too large for a first load. Each is fetched when the first message wants it; until then the
// message stands plain, and is drawn again when the library has come ("library" is told to the document).

import { el } from './dom.js';

const coming = new Map();

// Done when it was run, or could not be had.
export function fetched(file) {
  return new Promise((resolve) => {
    document.head.append(el('script', { src: `/static/vendor/${file}`, onload: resolve, onerror: resolve }));
  });
}

// The library, if it is there already; else it is sent for.
export function library(name, file) {
  if (!window[name] && !coming.has(name)) {
    coming.set(name, fetched(file).then(() => window[name] && document.dispatchEvent(new Event('library'))));
  }
  return window[name];
}
