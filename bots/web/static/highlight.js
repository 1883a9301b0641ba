// Colours for code. The highlighter is large, so it is fetched when the first code with a language comes; until then,
// and for languages it does not know, code stands plain.

import { el } from './dom.js';

const LONGEST = 50_000; // characters; beyond that colours are not worth the wait
let coming = null;

// As markdown-it wants it: HTML, or nothing for "as it is".
export function highlighted(code, language) {
  if (!language || code.length > LONGEST) return '';
  if (!window.hljs) {
    fetchIt();
    return '';
  }
  if (!window.hljs.getLanguage(language)) return '';
  return window.hljs.highlight(code, { language, ignoreIllegals: true }).value;
}

function fetchIt() {
  coming ??= new Promise((resolve) => {
    const script = el('script', { src: '/static/vendor/highlight.min.js', onload: resolve, onerror: resolve });
    document.head.append(script);
  }).then(() => window.hljs && document.dispatchEvent(new Event('highlighter')));
}
