// Formulas, as MathML: browsers draw it with no style and no font of ours, and screen readers read it.

import { library } from './lazy.js';

const LONGEST = 5_000; // characters
const REFUSED = '#c10002'; // the colour of commands that are not trusted, which no formula has by chance
const MARKS = [['$$', '$$'], ['\\[', '\\]']];
const BEGINS_A_LINE = /^(?:\$\$.+?\$\$|\\\[.+?\\\])\s*[^\s$]/;
const OPTIONS = {
  USE_PROFILES: { mathMl: true },
  FORBID_ATTR: ['style', 'href'],
  RETURN_DOM_FRAGMENT: true,
};

// Display formulas with words around them. The plugin knows those alone that have their lines for themselves, and would
// take everything up to the next mark for one.
export function formulasInLines({ block, inline, renderer }) {
  const paragraph = block.ruler.getRules('').at(-1);
  block.ruler.before('math_block_bracket', 'words_after_formula', (state, line, end, silent) => {
    const text = state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]);
    return BEGINS_A_LINE.test(text) && paragraph(state, line, end, silent);
  });
  inline.ruler.before('escape', 'math_in_line', (state, silent) => {
    const [open, close] = MARKS.find(([mark]) => state.src.startsWith(mark, state.pos)) || [];
    const end = open ? state.src.indexOf(close, state.pos + 2) : -1;
    const content = state.src.slice(state.pos + 2, end);
    if (end < 0 || !content.trim() || content.includes('`')) return false;
    if (open === '$$' && /\d/.test(state.src.charAt(end + 2))) return false; // "$$5 and $$10"
    if (!silent) state.push('math_in_line', 'math', 0).content = content;
    state.pos = end + 2;
    return true;
  });
  renderer.rules.math_in_line = (tokens, at) => `<span class="formula display">${asWritten(tokens[at].content)}</span>`;
}

const asWritten = (source) => source.trim().replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);

// What stands in the Markdown's HTML until `typeset` comes: the formula as it was written.
export function placeholder(source, isBlock) {
  return isBlock ? `<p class="formula">${asWritten(source)}</p>` : `<span class="formula">${asWritten(source)}</span>`;
}

// Puts the formula in place of its source, or leaves the source where it makes no sense (yet).
export function typeset(node) {
  const source = node.textContent;
  const katex = source.length <= LONGEST && library('katex', 'katex.min.js');
  if (!katex) return;
  const displayMode = node.matches('p, .display');
  try {
    const limits = { strict: 'ignore', maxExpand: 200, maxSize: 30, errorColor: REFUSED };
    const written = katex.renderToString(source, { displayMode, output: 'mathml', ...limits });
    if (written.includes(REFUSED)) return;
    // The annotation is the source once more: the sanitiser would leave its text standing beside the formula. A style
    // would be taken out by it, too, but not before the browser has complained of the page's policy.
    const html = written.replace(/<annotation [^]*<\/annotation>/, '').replace(/ style="[^"]*"/g, '');
    node.replaceChildren(window.DOMPurify.sanitize(html, OPTIONS));
    if (displayMode) node.tabIndex = 0; // a wide one scrolls inside
    node.querySelector('math')?.setAttribute('alttext', source);
  } catch {
    // half a formula while it streams, or none at all
  }
}
