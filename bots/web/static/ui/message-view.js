// Functions that the views of questions and replies share.

import { copyWithToast } from './dialogs.js';
import { el, icon, setText } from './dom.js';

/** @import { MessageActions } from './thread.js' */

export class MessageView {
  /** @param {MessageActions} actions @param {string} className */
  constructor(actions, className) {
    this.actions = actions;
    this.node = el('li', { class: `message ${className}` });
    this.day = '';
  }

  /**
   * Show a day above the message, or none.
   * @param {string} day
   */
  setDay(day) {
    if (this.day === day) return;
    this.day = day;
    if (day) this.node.dataset.day = day;
    else delete this.node.dataset.day;
  }

  /**
   * @param {string} label
   * @param {string} symbol
   * @param {() => void} onclick
   */
  button(label, symbol, onclick) {
    return el('button', { type: 'button', class: 'action', onclick }, icon(symbol), el('span', { text: label }));
  }

  /** @param {HTMLButtonElement} button @param {string} label */
  setLabel(button, label) {
    const span = button.querySelector('span');
    if (span) setText(span, label);
  }

  /**
   * @param {string} label
   * @param {string} symbol
   * @param {() => void} onclick
   */
  iconButton(label, symbol, onclick) {
    const attributes = { type: 'button', class: 'action', 'aria-label': label, title: label, onclick };
    return el('button', attributes, icon(symbol));
  }

  /**
   * The button that copies the address of the message.
   * @param {() => number | undefined} seq
   */
  linkButton(seq) {
    return this.iconButton('Link to this message', 'link', () => {
      const link = `${location.origin}${location.pathname}#message-${seq()}`;
      copyWithToast(link, () => this.actions.notify('Link copied'));
    });
  }
}
