// The box in which the user edits a question.

import { joinTexts } from '../state/message-versions.js';
import { storage } from '../state/storage.js';
import { el, fitHeight, isComposing, isSendKey } from './dom.js';
import { showFiles } from './files.js';

/**
 * @import { Attachment } from '../net/types.js'
 *
 * @typedef {{ text: string, attachments: Attachment[] }} Content
 *
 * @typedef {object} EditActions
 * @property {(text: string, files: Attachment[]) => void} send
 * @property {() => void} cancel
 */

const KIND = 'edit';
const LABEL = 'Edit message';

export class EditBox {
  /**
   * @param {Content} question
   * @param {string} draftId of the draft, which is stored until it is sent or cancelled
   * @param {Content | undefined} cancelled a cancelled message that was to replace the question
   * @param {EditActions} actions
   */
  constructor(question, draftId, cancelled, actions) {
    this.draftId = draftId;
    this.actions = actions;
    this.attachments = [...(cancelled ?? question).attachments];
    this.text = el('textarea', {
      rows: '1',
      dir: 'auto',
      'aria-label': LABEL,
      oninput: () => this.handleInput(),
      onkeydown: (event) => this.handleKey(event),
    });
    const draft = /** @type {string | null} */ (storage.read(KIND, draftId));
    this.text.value = cancelled ? joinTexts(cancelled.text, draft) : draft || question.text;
    if (cancelled) storage.write(KIND, draftId, this.text.value);
    this.files = el('ul', { class: 'files', 'aria-label': 'Attached files' });
    this.sendButton = el('button', { type: 'button', class: 'primary', text: 'Send', onclick: () => this.submit() });
    const onclick = () => this.close(actions.cancel);
    const cancelButton = el('button', { type: 'button', class: 'secondary', text: 'Cancel', onclick });
    const buttons = el('div', { class: 'buttons' }, cancelButton, this.sendButton);
    this.node = el('div', { class: 'edit-box', role: 'group', 'aria-label': LABEL }, this.text, this.files, buttons);
    this.node.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || isComposing(event)) return;
      event.stopPropagation(); // it must not stop the reply as well
      this.close(actions.cancel);
    });
    this.update();
  }

  /**
   * Add another cancelled message.
   * @param {Content} content
   */
  add({ text, attachments }) {
    this.text.value = joinTexts(this.text.value, text);
    this.attachments.push(...attachments);
    this.handleInput();
    this.focus();
  }

  focus() {
    fitHeight(this.text);
    this.text.focus();
    this.text.setSelectionRange(this.text.value.length, this.text.value.length);
  }

  handleInput() {
    storage.write(KIND, this.draftId, this.text.value);
    fitHeight(this.text);
    this.update();
  }

  update() {
    showFiles(this.files, this.attachments, (index) => {
      this.attachments.splice(index, 1);
      this.update();
      this.text.focus();
    });
    this.sendButton.disabled = !(this.text.value.trim() || this.attachments.length);
  }

  /** @param {KeyboardEvent} event */
  handleKey(event) {
    if (isComposing(event) || !isSendKey(event)) return;
    event.preventDefault();
    this.submit();
  }

  submit() {
    if (this.sendButton.disabled) return;
    this.close(() => this.actions.send(this.text.value.trim(), this.attachments));
  }

  /** @param {() => void} callback */
  close(callback) {
    storage.write(KIND, this.draftId, null);
    callback();
  }
}
