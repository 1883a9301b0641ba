// Markdown, once it is there: its renderer and its sanitiser are the larger part of a first load, and nothing that is
// needed to write. Until they have come a text stands as it was written; then it is drawn.

import { fetched } from './lazy.js';

let draw = null;

async function come() {
  await Promise.all([fetched('markdown-it.umd.min.js'), fetched('purify.min.js')]);
  if (!window.markdownit || !window.DOMPurify) return; // without the two of them nothing is drawn
  draw = (await import('./markdown.js')).update;
  document.dispatchEvent(new Event('library'));
}

// Done in any case; a page that is loaded again tries again.
export const ready = come().catch(() => {});

// Shows `text` in `element`.
export function update(element, text) {
  if (draw) draw(element, text);
  else element.textContent = text;
}
