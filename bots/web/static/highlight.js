// Colours for code.

import { library } from './lazy.js';

const LONGEST = 50_000; // characters; beyond that colours are not worth the wait

// As markdown-it wants it: HTML, or nothing for "as it is": no language, or one it does not know.
export function highlighted(code, language) {
  if (!language || code.length > LONGEST) return '';
  const hljs = library('hljs', 'highlight.min.js');
  if (!hljs?.getLanguage(language)) return '';
  return hljs.highlight(code, { language, ignoreIllegals: true }).value;
}
