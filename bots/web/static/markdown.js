// Markdown made safe: a real renderer that takes next to no HTML (tags.js), then a real sanitiser that trusts no renderer.

import { copied } from './dialogs.js';
import { el } from './dom.js';
import { formulasInLines, placeholder, typeset } from './formulas.js';
import { highlighted } from './highlight.js';
import { morph } from './morph.js';
import { tags } from './tags.js';
import { tasks } from './tasks.js';
import { tex } from './vendor/mdit-tex.js';

const renderer = window.markdownit({ html: false, linkify: true, breaks: true, highlight: highlighted });
renderer.use(tex, { delimiters: 'all', mathFence: true, render: placeholder });
formulasInLines(renderer);
tasks(renderer);
tags(renderer);
renderer.renderer.rules.image = (tokens, index) => {
  // A picture in a reply would fetch from anywhere, and tell that anywhere that it was read: show it as a link.
  const token = tokens[index];
  const label = renderer.utils.escapeHtml(token.content || 'image');
  return `<a href="${renderer.utils.escapeHtml(token.attrGet('src') || '')}">${label}</a>`;
};

const OPTIONS = {
  ALLOWED_TAGS: ['p', 'br', 'hr', 'em', 'strong', 's', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a', 'h1', 'h2',
    'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'span', 'kbd', 'sub', 'sup'],
  ALLOWED_ATTR: ['href', 'class', 'start'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  RETURN_DOM_FRAGMENT: true,
};

export function rendered(text) {
  const fragment = window.DOMPurify.sanitize(renderer.render(text), OPTIONS);
  // Each in the direction of its own words: what stands inside with one of its own would not count among them.
  for (const block of fragment.children) block.dir = 'auto';
  for (const written of fragment.querySelectorAll('pre, code')) written.dir = 'ltr';
  for (const plain of fragment.querySelectorAll('br, kbd, sub, sup')) {
    for (const { name } of [...plain.attributes]) plain.removeAttribute(name);
  }
  for (const dead of fragment.querySelectorAll('a:not([href])')) dead.replaceWith(...dead.childNodes);
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
  }
  for (const head of fragment.querySelectorAll('th:empty')) head.replaceWith(el('td')); // a heading of nothing
  for (const table of fragment.querySelectorAll('table')) {
    const box = el('div', { class: 'wide', tabindex: 0, role: 'region', 'aria-label': 'Table' });
    table.replaceWith(box);
    box.append(table);
  }
  for (const code of fragment.querySelectorAll('pre > code')) framed(code);
  for (const formula of fragment.querySelectorAll('.formula')) typeset(formula);
  return fragment;
}

function framed(code) {
  const [, language] = code.className.match(/language-([\w+#.-]+)/) || ['', ''];
  const pre = code.parentElement;
  const frame = el('div', { class: 'code' });
  pre.replaceWith(frame);
  pre.tabIndex = 0;
  frame.append(
    el('div', { class: 'bar' }, el('span', { text: language }), el('button', { type: 'button', class: 'copy', text: 'Copy' })),
    pre,
  );
}

// Shows `text` in `element`.
export function update(element, text) {
  morph(element, rendered(text));
}

document.addEventListener('click', (event) => {
  const button = event.target.closest?.('.code .copy');
  if (!button) return;
  copied(button.closest('.code').querySelector('pre').textContent, () => {
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
});
