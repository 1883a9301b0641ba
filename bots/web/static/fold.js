// What somebody pasted may fill many screens: it stands folded, and is unfolded by who wants to read it.

import { el, say, show } from './dom.js';

const CHARACTERS = 1500;
const LINES = 18;

export class Fold {
  constructor(text) {
    this.text = text;
    this.open = false;
    this.button = el('button', { type: 'button', class: 'act fold', onclick: () => this.turn(!this.open) });
    show(this.button, false);
  }

  // The text has changed.
  update() {
    const words = this.text.textContent;
    this.long = words.length > CHARACTERS || words.split('\n', LINES + 1).length > LINES;
    show(this.button, this.long);
    this.turn(this.open);
  }

  turn(open) {
    this.open = open;
    this.text.classList.toggle('folded', this.long && !open);
    this.button.setAttribute('aria-expanded', String(open));
    say(this.button, open ? 'Show less' : 'Show more');
  }
}
