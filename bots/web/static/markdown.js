// Markdown made safe: a real renderer that takes no HTML, then a real sanitiser that trusts no renderer.

const renderer = window.markdownit({ html: false, linkify: true, breaks: true });
renderer.renderer.rules.image = (tokens, index) => {
  // A picture in a reply would fetch from anywhere, and tell that anywhere that it was read: show it as a link.
  const token = tokens[index];
  const label = renderer.utils.escapeHtml(token.content || 'image');
  return `<a href="${renderer.utils.escapeHtml(token.attrGet('src') || '')}">${label}</a>`;
};

const purifier = window.DOMPurify;
const OPTIONS = {
  ALLOWED_TAGS: ['p', 'br', 'hr', 'em', 'strong', 's', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'a', 'h1', 'h2',
    'h3', 'h4', 'h5', 'h6', 'table', 'thead', 'tbody', 'tr', 'th', 'td'],
  ALLOWED_ATTR: ['href', 'class', 'start'],
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:)/i,
  RETURN_DOM_FRAGMENT: true,
};

export function rendered(text) {
  const fragment = purifier.sanitize(renderer.render(text), OPTIONS);
  for (const link of fragment.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
  }
  for (const table of fragment.querySelectorAll('table')) {
    const box = document.createElement('div');
    box.className = 'wide';
    box.tabIndex = 0;
    table.replaceWith(box);
    box.append(table);
  }
  for (const code of fragment.querySelectorAll('pre > code')) framed(code);
  return fragment;
}

function framed(code) {
  const frame = document.createElement('div');
  frame.className = 'code';
  const bar = document.createElement('div');
  const language = document.createElement('span');
  language.textContent = (code.className.match(/language-([\w+#.-]+)/) || ['', ''])[1];
  const copy = document.createElement('button');
  copy.type = 'button';
  copy.className = 'copy';
  copy.textContent = 'Copy';
  bar.append(language, copy);
  const pre = code.parentElement;
  pre.tabIndex = 0;
  pre.replaceWith(frame);
  frame.append(bar, pre);
}

// Blocks that did not change keep their nodes: no flicker, and a selection in them survives.
export function update(element, text) {
  const fresh = [...rendered(text).childNodes];
  const old = [...element.childNodes];
  let same = 0;
  while (same < old.length && same < fresh.length && old[same].isEqualNode(fresh[same])) same += 1;
  for (const node of old.slice(same)) node.remove();
  element.append(...fresh.slice(same));
}

document.addEventListener('click', async (event) => {
  const button = event.target.closest?.('.code .copy');
  if (!button) return;
  await navigator.clipboard.writeText(button.closest('.code').querySelector('pre').textContent);
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = 'Copy'; }, 1500);
});
