// The dialogs and the toast: what all dialogs share, a prompt for one line of text, and a short notice with "Undo".

import { copyText, errorMessage, find, setText, setVisible } from './dom.js';

const OPEN = CSS.supports('selector(:popover-open)') ? 'dialog[open], :popover-open' : 'dialog[open]';

/** Return whether a dialog or a menu is open. */
export const isDialogOpen = () => Boolean(document.querySelector(OPEN));

/**
 * Return a dialog that is closed by its close button, by Escape and by a click beside it.
 * @param {string} id
 */
export function findDialog(id) {
  const dialog = find(id, HTMLDialogElement);
  dialog.querySelector('.close')?.addEventListener('click', () => dialog.close());
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  return dialog;
}

/**
 * Ask for one line of text.
 * @param {string} label
 * @param {string} value
 * @returns {Promise<string | null>} null if it was cancelled or left empty
 */
export function promptForText(label, value) {
  const dialog = find('prompt', HTMLDialogElement);
  const input = find('prompt-input', HTMLInputElement);
  setText(find('prompt-label'), label);
  input.value = value;
  dialog.returnValue = 'cancel';
  dialog.showModal();
  input.select();
  find('prompt-cancel').onclick = () => dialog.close('cancel');
  return new Promise((resolve) => {
    const onClose = () => resolve((dialog.returnValue === 'save' && input.value.trim()) || null);
    dialog.addEventListener('close', onClose, { once: true });
  });
}

// --- toast -------------------------------------------------------------------------------------------------

const TOAST_MS = 7000;
const FOCUSED_MS = 1000; // while "Undo" has the focus

/** @type {(() => void) | null} */
let closeToast = null;
/** @type {string | null} The text of a toast with "Undo", which no other toast may replace. */
let undoText = null;

/**
 * Show a notice for some seconds.
 * @param {string} text
 */
export function showToast(text) {
  if (undoText) setText(find('toast-text'), `${text} · ${undoText}`);
  else openToast(text, () => {});
}

/**
 * Show a notice with an "Undo" button. Calls `undo` when it is pressed, else `done` when the toast closes. Return a
 * function that closes the toast early and calls `replacement` instead of both, if neither was called before.
 * @param {string} text
 * @param {() => void} undo
 * @param {() => void} done
 */
export function showUndoToast(text, undo, done) {
  const { end, isOpen } = openToast(text, done);
  undoText = text;
  setVisible(find('toast-undo'), true);
  find('toast-undo').onclick = () => end(undo);
  return (/** @type {() => void} */ replacement) => {
    if (isOpen()) end(replacement);
  };
}

/** @param {string} text @param {() => void} done */
function openToast(text, done) {
  closeToast?.();
  const toast = find('toast');
  setText(find('toast-text'), text);
  setVisible(find('toast-undo'), false);
  setVisible(toast, true);
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  const closeAfter = (/** @type {number} */ ms) => {
    timer = setTimeout(() => {
      if (document.activeElement === find('toast-undo')) closeAfter(FOCUSED_MS);
      else closeToast?.();
    }, ms);
  };
  closeAfter(TOAST_MS);
  const end = (/** @type {() => void} */ callback) => {
    clearTimeout(timer);
    setVisible(toast, false);
    closeToast = undoText = null;
    callback();
  };
  const close = () => end(done);
  closeToast = close;
  return { end, isOpen: () => closeToast === close };
}

// A window that closes confirms what could still be undone.
window.addEventListener('pagehide', () => closeToast?.());

/**
 * Copy a text and call `done`, or show why the browser did not allow it.
 * @param {string} text
 * @param {() => void} done
 */
export async function copyWithToast(text, done) {
  try {
    await copyText(text);
    done();
  } catch (error) {
    showToast(errorMessage(error));
  }
}
