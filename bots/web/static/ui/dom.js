// Helpers to create, find and update elements, and to format dates.

/**
 * @typedef {object} Handlers
 * @property {string} [class]
 * @property {string} [text]
 * @property {(event: MouseEvent) => void} [onclick]
 * @property {(event: Event) => void} [oninput]
 * @property {(event: KeyboardEvent) => void} [onkeydown]
 *
 * @typedef {Handlers & Record<string, unknown>} Attributes
 */

/**
 * Return the element with this id.
 * @template {Element} [T=HTMLElement]
 * @param {string} id
 * @param {new () => T} [_type] of the element, where it is not a plain HTMLElement
 * @returns {T}
 */
export const find = (id, _type) => /** @type {T} */ (/** @type {unknown} */ (document.getElementById(id)));

/**
 * Create an element: `el('button', { class: 'secondary', type: 'button', onclick }, 'Copy', icon('copy'))`.
 * Attributes that are undefined, null or false are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Attributes} [attributes]
 * @param {...(Node | string)} children
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === 'function') node.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name === 'text') node.textContent = String(value);
    else node.setAttribute(name, value === true ? '' : String(value));
  }
  node.append(...children);
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';

/**
 * Create an icon of the sprite in index.html.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Set the text of a node if it differs, so that nothing flickers and no selection is lost.
 * @param {Node} node
 * @param {string} text
 */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {HTMLElement} node @param {boolean} isVisible */
export function setVisible(node, isVisible) {
  if (node.hidden === isVisible) node.hidden = !isVisible;
}

/**
 * Return the text as a sentence: error messages of a model's server often are none.
 * @param {string} text
 */
export function asSentence(text) {
  const line = text.trim();
  return line && `${line[0].toUpperCase()}${line.slice(1)}${/[.!?…]$/.test(line) ? '' : '.'}`;
}

/** @param {unknown} error @returns {string} */
export const errorMessage = (error) => (error instanceof Error ? error.message : String(error));

/**
 * Return whether two objects have the same values: most items of a conversation do not change between two renders.
 * @param {object | undefined} a
 * @param {object} b
 */
export function isShallowEqual(a, b) {
  if (!a) return false;
  const before = /** @type {Record<string, unknown>} */ (a);
  const entries = Object.entries(b);
  return entries.length === Object.keys(a).length && entries.every(([name, value]) => before[name] === value);
}

/**
 * Return whether a key event belongs to an input method, where Enter chooses a word. Trap: Safari ends the composition
 * before the keydown event, which then has the keyCode 229.
 * @param {KeyboardEvent} event
 */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/**
 * Return whether a key event asks to send what is written: Enter, except on touch screens.
 * @param {KeyboardEvent} event
 */
export const isSendKey = (event) => event.key === 'Enter' && !event.shiftKey && !event.altKey && !touchScreen.matches;

const touchScreen = matchMedia('(hover: none) and (pointer: coarse)');

/**
 * Return whether a click on a link should open it in this window and load nothing.
 * @param {MouseEvent} event
 */
export const isPlainClick = (event) =>
  !event.button && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;

/**
 * Make a text area as high as its text.
 * @param {HTMLTextAreaElement} area
 */
export function fitHeight(area) {
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}

// --- dates -------------------------------------------------------------------------------------------------

const DAY_MS = 24 * 3600 * 1000;

/** @param {Date} date */
const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

/** @param {Date} date */
export function formatDay(date) {
  const days = Math.round((midnight(new Date()) - midnight(date)) / DAY_MS);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  if (days < 7) return date.toLocaleDateString(undefined, { weekday: 'long' });
  const year = date.getFullYear() === new Date().getFullYear() ? undefined : 'numeric';
  return date.toLocaleDateString(undefined, { day: 'numeric', month: 'long', year });
}

/** Return a `formatDay` for ISO dates that caches by ten minutes: the browser's calendar is slow. */
export function cachedFormatDay() {
  /** @type {Map<string, string>} */
  const cache = new Map();
  return (/** @type {string} */ at) => {
    const tenMinutes = at.slice(0, 15);
    const day = cache.get(tenMinutes) ?? formatDay(new Date(at));
    cache.set(tenMinutes, day);
    return day;
  };
}

/** @param {Date} date */
export const formatTime = (date) => date.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit' });

// --- clipboard ---------------------------------------------------------------------------------------------

const COPY_FAILED = 'This browser does not allow copying. Select the text and copy it yourself.';

/**
 * @param {string} text
 * @throws {Error} if the browser does not allow it
 */
export async function copyText(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text).catch(() => {
      throw new Error(COPY_FAILED);
    });
    return;
  }
  // The origin is not secure.
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const area = el('textarea', { class: 'visually-hidden', 'aria-hidden': 'true' });
  area.value = text;
  (focused?.closest('dialog') ?? document.body).append(area); // nothing outside an open dialog can be selected
  area.focus({ preventScroll: true }); // Trap: `select` alone does not move the focus from a pressed button
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  focused?.focus({ preventScroll: true });
  if (!isCopied) throw new Error(COPY_FAILED);
}
