// Libraries that are too large for the first load. Each is fetched when the first message needs it. Until then the
// message is shown plain. It is rendered again on the document's "libraryloaded" event.

/**
 * @typedef {object} Libraries
 * @property {{ renderToString(source: string, options: object): string }} katex
 * @property {Highlighter} hljs
 *
 * @typedef {object} Highlighter
 * @property {(name: string) => unknown} getLanguage
 * @property {(code: string, options: { language: string, ignoreIllegals: boolean }) => { value: string }} highlight
 */

/** The event that the document gets when a library was loaded. */
export const LIBRARY_LOADED = 'libraryloaded';

const FILES = { katex: 'katex.min.js', hljs: 'highlight.min.js' };

/** @type {Set<string>} */
const requested = new Set();

/**
 * Run a script of static/vendor. The promise resolves also if it cannot be loaded.
 * @param {string} file
 * @returns {Promise<void>}
 */
export function loadScript(file) {
  return new Promise((resolve) => {
    const script = document.createElement('script');
    script.src = new URL(`../vendor/${file}`, import.meta.url).href;
    script.onload = () => resolve();
    script.onerror = () => resolve();
    document.head.append(script);
  });
}

/**
 * Return a library if it is loaded. Otherwise start loading it and return undefined.
 * @template {keyof Libraries} Name
 * @param {Name} name
 * @returns {Libraries[Name] | undefined}
 */
export function library(name) {
  if (!window[name] && !requested.has(name)) {
    requested.add(name);
    loadScript(FILES[name]).then(() => window[name] && document.dispatchEvent(new Event(LIBRARY_LOADED)));
  }
  return /** @type {Partial<Libraries>} */ (window)[name];
}
