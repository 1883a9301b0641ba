// The control ‹2/3› beside a message that has several versions.

import { el, setText, setVisible } from './dom.js';

/** @typedef {(seq: number, announcement: string) => void} ChooseVersion */

export class VersionSwitch {
  /** @param {ChooseVersion} choose */
  constructor(choose) {
    this.choose = choose;
    /** @type {number[]} */
    this.versions = [];
    this.index = -1;
    this.isBusy = false;
    this.previous = this.arrow('‹', 'Previous version', -1);
    this.next = this.arrow('›', 'Next version', 1);
    this.label = el('span', { 'aria-hidden': 'true' });
    this.node = el('span', { class: 'versions', role: 'group' }, this.previous, this.label, this.next);
  }

  // A button at its end is not disabled, or it would lose the focus while it is used.
  /** @param {string} text @param {string} label @param {number} step */
  arrow(text, label, step) {
    const onclick = () => {
      const index = this.index + step;
      const seq = this.versions[index];
      if (seq !== undefined && !this.isBusy) this.choose(seq, `Version ${index + 1} of ${this.versions.length}`);
    };
    return el('button', { type: 'button', class: 'action', 'aria-label': label, title: label, text, onclick });
  }

  /**
   * @param {number[]} versions by `seq`, oldest first
   * @param {number | undefined} seq the version that is shown
   * @param {boolean} isBusy whether versions cannot be switched now
   */
  update(versions, seq, isBusy) {
    this.versions = versions;
    this.index = seq === undefined ? -1 : versions.indexOf(seq);
    this.isBusy = isBusy;
    setVisible(this.node, versions.length > 1);
    setText(this.label, `${this.index + 1}/${versions.length}`);
    this.node.setAttribute('aria-label', `Version ${this.index + 1} of ${versions.length}`);
    this.previous.setAttribute('aria-disabled', String(isBusy || this.index <= 0));
    this.next.setAttribute('aria-disabled', String(isBusy || this.index >= versions.length - 1));
  }
}
