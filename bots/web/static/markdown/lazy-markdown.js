// Renders Markdown once its renderer and sanitizer are loaded. They are the larger part of the first load, and not
// needed to write a message. Until then text is shown unformatted.

import { LIBRARY_LOADED, loadScript } from './libraries.js';

/** @type {((element: Element, text: string) => void) | null} */
let render = null;

async function load() {
  await Promise.all([loadScript('markdown-it.umd.min.js'), loadScript('purify.min.js')]);
  if (!window.markdownit || !window.DOMPurify) return; // nothing is rendered without both of them
  render = (await import('./markdown.js')).renderInto;
  document.dispatchEvent(new Event(LIBRARY_LOADED));
}

/** Resolves when the renderer is loaded, or could not be loaded. A reload of the page tries again. */
export const markdownReady = load().catch(() => {});

/**
 * Show `text` in `element`.
 * @param {Element} element
 * @param {string} text
 */
export function renderMarkdown(element, text) {
  if (render) render(element, text);
  else element.textContent = text;
}
