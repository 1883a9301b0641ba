// Formulas, as MathML: browsers draw it with no style and no font of ours, and screen readers read it.

import { library } from './lazy.js';

const LONGEST = 5_000; // characters
const OPTIONS = {
  USE_PROFILES: { mathMl: true },
  FORBID_ATTR: ['style', 'href'],
  RETURN_DOM_FRAGMENT: true,
};

// What stands in the Markdown's HTML until `typeset` comes: the formula as it was written.
export function placeholder(source, isBlock) {
  const mark = source.trim().replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
  return isBlock ? `<p class="formula">${mark}</p>` : `<span class="formula">${mark}</span>`;
}

// Puts the formula in place of its source, or leaves the source where it makes no sense (yet).
export function typeset(node) {
  const source = node.textContent;
  const katex = source.length <= LONGEST && library('katex', 'katex.min.js');
  if (!katex) return;
  const displayMode = node.nodeName === 'P';
  try {
    const written = katex.renderToString(source, { displayMode, output: 'mathml', strict: 'ignore', maxExpand: 200 });
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
