// Formulas as MathML: browsers draw it without styles or fonts of ours, and screen readers read it.

import { library } from './libraries.js';

/** @import { MarkdownIt } from './markdown-it.js' */

const MAX_CHARACTERS = 5_000;
const REFUSED = '#c10002'; // the color of commands that are not trusted, unlikely to be in a formula
const DELIMITERS = [
  ['$$', '$$'],
  ['\\[', '\\]'],
];
const FORMULA_THEN_TEXT = /^(?:\$\$.+?\$\$|\\\[.+?\\\])\s*[^\s$]/;
const SANITIZER_OPTIONS = {
  USE_PROFILES: { mathMl: true },
  FORBID_ATTR: ['style', 'href'],
  RETURN_DOM_FRAGMENT: true,
};

/**
 * Add display formulas with text around them. The plugin supports only those on lines of their own, and would take
 * everything up to the next delimiter as one formula.
 * @param {MarkdownIt} renderer
 */
export function addInlineFormulas({ block, inline, renderer }) {
  const paragraph = block.ruler.getRules('').at(-1);
  block.ruler.before('math_block_bracket', 'text_after_formula', (state, line, end, silent) => {
    const text = state.src.slice(state.bMarks[line] + state.tShift[line], state.eMarks[line]);
    return Boolean(FORMULA_THEN_TEXT.test(text) && paragraph?.(state, line, end, silent));
  });
  inline.ruler.before('escape', 'math_in_line', (state, silent) => {
    const [open, close] = DELIMITERS.find(([delimiter]) => state.src.startsWith(delimiter, state.pos)) || [];
    const end = open ? state.src.indexOf(close, state.pos + 2) : -1;
    const content = state.src.slice(state.pos + 2, end);
    if (end < 0 || !content.trim() || content.includes('`')) return false;
    if (open === '$$' && /\d/.test(state.src.charAt(end + 2))) return false; // "$$5 and $$10"
    if (!silent) state.push('math_in_line', 'math', 0).content = content;
    state.pos = end + 2;
    return true;
  });
  renderer.rules.math_in_line = (tokens, index) =>
    `<span class="formula display">${escapeSource(tokens[index].content)}</span>`;
}

/** @param {string} source */
const escapeSource = (source) => source.trim().replace(/[&<>]/g, (character) => `&#${character.charCodeAt(0)};`);

/**
 * Return the HTML that `typeset` replaces: the source of the formula.
 * @param {string} source
 * @param {boolean} isBlock
 */
export function formulaPlaceholder(source, isBlock) {
  const tag = isBlock ? 'p' : 'span';
  return `<${tag} class="formula">${escapeSource(source)}</${tag}>`;
}

/**
 * Replace the source of a formula with the formula. A source that is invalid, or not complete yet, stays.
 * @param {HTMLElement} node
 */
export function typeset(node) {
  const source = node.textContent ?? '';
  const katex = source.length <= MAX_CHARACTERS && library('katex');
  if (!katex) return;
  const displayMode = node.matches('p, .display');
  try {
    const limits = { strict: 'ignore', maxExpand: 200, maxSize: 30, errorColor: REFUSED };
    const html = katex.renderToString(source, { displayMode, output: 'mathml', ...limits });
    if (html.includes(REFUSED)) return;
    // Trap: the sanitizer would leave the text of the annotation, which is the source, beside the formula. It would
    // also remove the styles, but only after the browser has reported a violation of the page's policy.
    const clean = html.replace(/<annotation [\s\S]*<\/annotation>/, '').replace(/ style="[^"]*"/g, '');
    node.replaceChildren(window.DOMPurify.sanitize(clean, SANITIZER_OPTIONS));
    if (displayMode) node.tabIndex = 0; // a wide formula scrolls
    node.querySelector('math')?.setAttribute('alttext', source);
  } catch {
    // an invalid formula, or the beginning of one while it streams
  }
}
