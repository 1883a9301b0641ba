// Syntax highlighting of code blocks.

import { library } from './libraries.js';

const MAX_CHARACTERS = 50_000; // above that highlighting takes too long

/**
 * Return the code as HTML, as markdown-it expects it, or '' to show it as it is.
 * @param {string} code
 * @param {string} language
 */
export function highlight(code, language) {
  if (!language || code.length > MAX_CHARACTERS) return '';
  const hljs = library('hljs');
  if (!hljs?.getLanguage(language)) return '';
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}
