// Small helpers for making and finding elements, and for saying times.

export const find = (id) => document.getElementById(id);

// el('button', { class: 'quiet', type: 'button', onclick }, 'Copy', icon('copy'))
export function el(tag, given = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (name === 'text') node.textContent = value;
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children);
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

// Touches the document only where something changed, so that nothing flickers and no selection is lost.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// What a model's server says, as a sentence.
export function sentence(text) {
  const line = text.trim();
  return line && `${line[0].toUpperCase()}${line.slice(1)}${/[.!?…]$/.test(line) ? '' : '.'}`;
}

export function show(node, visible) {
  if (node.hidden === visible) node.hidden = !visible;
}

const NOT_COPIED = 'This browser does not let a page copy: select the text, and copy it yourself.';
const DAY = 24 * 3600 * 1000;
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

export function dayOf(when) {
  const days = Math.round((midnight(new Date()) - midnight(when)) / DAY);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days < 7) return when.toLocaleDateString(undefined, { weekday: 'long' });
  const year = when.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
  return when.toLocaleDateString(undefined, { day: 'numeric', month: 'long', year });
}

// Whether two plain objects hold the same values: most of a long conversation is as it was when the next piece of a
// reply comes.
export function same(before, item) {
  if (!before) return false;
  const names = Object.keys(item);
  return names.length === Object.keys(before).length && names.every((name) => before[name] === item[name]);
}

// `dayOf`, which asks the browser's calendar, once for every ten minutes that occur.
export function dayNames() {
  const known = new Map();
  return (at) => {
    const near = at.slice(0, 15);
    if (!known.has(near)) known.set(near, dayOf(new Date(at)));
    return known.get(near);
  };
}

export const clock = (when) => when.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });

// 96 random bits that survive an address. `crypto.randomUUID` exists on secure origins only; a page in a home
// network, reached by http, is none.
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_');
}

// Raises an Error where the browser does not let it.
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text).catch(() => { throw new Error(NOT_COPIED); });
    return;
  }
  const focused = document.activeElement; // for origins that are not secure
  const area = el('textarea', { class: 'unseen', 'aria-hidden': 'true' });
  area.value = text;
  (focused?.closest('dialog') ?? document.body).append(area); // nothing outside an open dialog can be selected
  area.focus({ preventScroll: true }); // to select it moves no focus where a button was pressed
  area.select();
  const copied = document.execCommand('copy');
  area.remove();
  focused?.focus({ preventScroll: true });
  if (!copied) throw new Error(NOT_COPIED);
}
