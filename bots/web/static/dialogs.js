// A question with one line of text, and a word that passes, with a way back.

import { copyText, find, show } from './dom.js';

// Gives the line, or null when it was cancelled.
export function askLine(question, value) {
  const dialog = find('ask');
  const input = find('ask-input');
  find('ask-text').textContent = question;
  input.value = value;
  dialog.returnValue = 'no';
  dialog.showModal();
  input.select();
  find('ask-no').onclick = () => dialog.close('no');
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      resolve(dialog.returnValue === 'yes' && input.value.trim() ? input.value.trim() : null);
    }, { once: true });
  });
}

const TOAST_MS = 7000;
const HELD_MS = 1000;
let ending = null;
let open = null; // the line with a way back, which no other line may end

// Shows a line for a while. With `undo`, calls it when pressed and `done` otherwise, exactly one of the two. What it
// gives ends that early: it calls another act in the place of both, if none of them was called yet.
export function toast(line, { undo, done } = {}) {
  if (open && !undo) {
    find('toast-text').textContent = `${line} · ${open}`;
    return null;
  }
  ending?.();
  const box = find('toast');
  find('toast-text').textContent = line;
  open = undo ? line : null;
  show(find('toast-undo'), Boolean(undo));
  show(box, true);
  let timer;
  const wait = (ms) => {
    timer = setTimeout(() => (document.activeElement === find('toast-undo') ? wait(HELD_MS) : ending?.()), ms);
  };
  wait(TOAST_MS);
  const end = (act) => {
    clearTimeout(timer);
    show(box, false);
    ending = open = null;
    act?.();
  };
  const mine = () => end(done);
  ending = mine;
  find('toast-undo').onclick = () => end(undo);
  return (act) => ending === mine && end(act);
}

// Copies, and calls `done`; where the browser does not let it, says so.
export async function copied(text, done) {
  try {
    await copyText(text);
    done();
  } catch (error) {
    toast(error.message);
  }
}

// A window that closes decides what is still open.
window.addEventListener('pagehide', () => ending?.());
