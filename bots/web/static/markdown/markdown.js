// Renders Markdown safely: a renderer that accepts next to no HTML (inline-tags.js), then a sanitizer that does not
// trust the renderer.

import { copyWithToast } from '../ui/dialogs.js';
import { el } from '../ui/dom.js';
import { tex } from '../vendor/mdit-tex.js';
import { addInlineFormulas, formulaPlaceholder, typeset } from './formulas.js';
import { highlight } from './highlight.js';
import { addInlineTags } from './inline-tags.js';
import { morph } from './morph.js';
import { addTaskLists } from './task-lists.js';

const COPIED_MS = 1500;
// biome-ignore format: tags by kind
const ALLOWED_TAGS = [
  'p', 'br', 'hr', 'em', 'strong', 's', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a',
  'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'span', 'kbd', 'sub', 'sup',
];
const SANITIZER_OPTIONS = {
  ALLOWED_TAGS,
  ALLOWED_ATTR: ['href', 'class', 'start'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  RETURN_DOM_FRAGMENT: true,
};

const renderer = window.markdownit({ html: false, linkify: true, breaks: true, highlight });
renderer.use(tex, { delimiters: 'all', mathFence: true, render: formulaPlaceholder });
addInlineFormulas(renderer);
addTaskLists(renderer);
addInlineTags(renderer);
renderer.renderer.rules.image = (tokens, index) => {
  // An image would be fetched from any server, and tell that server that the reply was read: show it as a link.
  const token = tokens[index];
  const label = renderer.utils.escapeHtml(token.content || 'image');
  return `<a href="${renderer.utils.escapeHtml(token.attrGet('src') || '')}">${label}</a>`;
};

/** @param {string} text */
function renderFragment(text) {
  const fragment = window.DOMPurify.sanitize(renderer.render(text), SANITIZER_OPTIONS);
  setDirections(fragment);
  for (const element of fragment.querySelectorAll('br, kbd, sub, sup')) {
    for (const { name } of [...element.attributes]) element.removeAttribute(name);
  }
  for (const link of fragment.querySelectorAll('a:not([href])')) link.replaceWith(...link.childNodes);
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
  }
  for (const header of fragment.querySelectorAll('th:empty')) header.replaceWith(el('td')); // for screen readers
  for (const table of fragment.querySelectorAll('table')) {
    const box = el('div', { class: 'table-scroll', tabindex: 0, role: 'region', 'aria-label': 'Table' });
    table.replaceWith(box);
    box.append(table);
  }
  for (const pre of fragment.querySelectorAll('pre')) if (pre.querySelector(':scope > code')) addCodeBar(pre);
  for (const formula of fragment.querySelectorAll('.formula')) typeset(/** @type {HTMLElement} */ (formula));
  return fragment;
}

// Each block has the direction of its own text. Trap: an element with a `dir` of its own does not count for its
// parent's `dir="auto"`, so only the outermost blocks get one.
/** @param {DocumentFragment} fragment */
function setDirections(fragment) {
  for (const block of fragment.children) block.setAttribute('dir', 'auto');
  for (const code of fragment.querySelectorAll('pre, code')) code.setAttribute('dir', 'ltr');
}

/** @param {HTMLPreElement} pre */
function addCodeBar(pre) {
  const language = pre.querySelector('code')?.className.match(/language-([\w+#.-]+)/)?.[1] ?? '';
  const frame = el('div', { class: 'code' });
  pre.replaceWith(frame);
  pre.tabIndex = 0;
  const copy = el('button', { type: 'button', class: 'copy', text: 'Copy' });
  frame.append(el('div', { class: 'bar' }, el('span', { text: language }), copy), pre);
}

/**
 * Show `text` in `element`.
 * @param {Element} element
 * @param {string} text
 */
export function renderInto(element, text) {
  morph(element, renderFragment(text));
}

document.addEventListener('click', ({ target }) => {
  const button = target instanceof Element && target.closest('.code .copy');
  if (!button) return;
  copyWithToast(button.closest('.code')?.querySelector('pre')?.textContent ?? '', () => {
    button.textContent = 'Copied';
    setTimeout(() => {
      button.textContent = 'Copy';
    }, COPIED_MS);
  });
});
