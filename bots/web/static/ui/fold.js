// Collapses long messages of the user, with a button that shows all of the text.

import { el, setText, setVisible } from './dom.js';

const MAX_CHARACTERS = 1500;
const MAX_LINES = 18;

export class Fold {
  /** @param {HTMLElement} text */
  constructor(text) {
    this.text = text;
    this.isOpen = false;
    this.isLong = false;
    this.button = el('button', { type: 'button', class: 'action fold', onclick: () => this.setOpen(!this.isOpen) });
    setVisible(this.button, false);
  }

  /** Call it when the text has changed. */
  update() {
    const text = this.text.textContent ?? '';
    this.isLong = text.length > MAX_CHARACTERS || text.split('\n', MAX_LINES + 1).length > MAX_LINES;
    setVisible(this.button, this.isLong);
    this.setOpen(this.isOpen);
  }

  /** @param {boolean} isOpen */
  setOpen(isOpen) {
    this.isOpen = isOpen;
    this.text.classList.toggle('folded', this.isLong && !isOpen);
    this.button.setAttribute('aria-expanded', String(isOpen));
    setText(this.button, isOpen ? 'Show less' : 'Show more');
  }
}
