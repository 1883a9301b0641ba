// A reply of the model.

import { renderMarkdown } from '../markdown/lazy-markdown.js';
import { copyWithToast } from './dialogs.js';
import { asSentence, el, setText, setVisible } from './dom.js';
import { MessageView } from './message-view.js';
import { VersionSwitch } from './version-switch.js';

/**
 * @import { Retry } from '../state/conversation.js'
 * @import { ReplyData, ReplyItem } from '../state/conversation-items.js'
 * @import { MessageActions } from './thread.js'
 */

const COPIED_MS = 1500;
const SHORTENED = 'Your message is too long for this model. Its middle was left out.';
const SERVICE_UNREACHABLE = 'The chat service is not responding. The reply will continue when it is back.';
const SERVICE_REACHABLE = 'The chat service is back. The reply will continue in a moment…';

export class ReplyView extends MessageView {
  /** @param {ReplyItem} item @param {MessageActions} actions */
  constructor(item, actions) {
    super(actions, 'reply');
    /** @type {ReplyItem} */
    this.item = item;
    /** @type {ReplyData | undefined} */
    this.data = undefined;
    /** @type {string | undefined} The text that is rendered. */
    this.text = undefined;
    this.body = el('div', { class: 'body' });
    this.error = el('p', { class: 'error' });
    this.note = el('span', { class: 'note' });
    this.copy = this.button('Copy', 'copy', () => this.copyText());
    this.regenerate = this.button('Regenerate', 'retry', () => this.press(this.regenerate, actions.regenerate));
    this.continueReply = this.button('Continue', 'continue', () => {
      this.press(this.continueReply, actions.continueReply);
    });
    this.versions = new VersionSwitch(actions.chooseVersion);
    this.link = this.linkButton(() => this.item.data.seq);
    this.footer = el('div', { class: 'footer' }, this.note, this.versions.node, this.copy, this.link);
    this.footer.append(this.continueReply, this.regenerate);
    const label = el('span', { class: 'visually-hidden', text: 'The reply:' });
    this.node.append(label, this.body, this.error, this.footer);
    this.update(item);
  }

  copyText() {
    copyWithToast(this.item.data.text, () => {
      this.setLabel(this.copy, 'Copied');
      setTimeout(() => this.setLabel(this.copy, 'Copy'), COPIED_MS);
    });
  }

  // A pressed button stays disabled until the reply changes, or the action fails.
  /** @param {HTMLButtonElement} button @param {(item: ReplyItem) => Promise<boolean>} act */
  async press(button, act) {
    button.disabled = true;
    if (!(await act(this.item))) button.disabled = false;
  }

  /** @param {ReplyItem} item */
  update(item) {
    const { data, status, failedVersion } = item;
    if (this.text !== data.text) renderMarkdown(this.body, data.text);
    this.text = data.text;
    if (this.data !== data || this.item.failedVersion !== failedVersion) {
      this.regenerate.disabled = this.continueReply.disabled = false;
    }
    this.data = data;
    this.item = item;
    const isRunning = status === 'running';
    const isSaved = Number.isInteger(data.seq);
    const error = errorOf(item);
    setVisible(this.body, Boolean(data.text));
    setText(this.error, error);
    setVisible(this.error, Boolean(error));
    if (isSaved) this.node.id = `message-${data.seq}`;
    this.node.dataset.status = status;
    this.node.dataset.key = item.key;
    this.node.classList.toggle('last', Boolean(item.isLast));
    this.node.setAttribute('aria-busy', String(isRunning));
    setVisible(this.copy, !isRunning && Boolean(data.text));
    setVisible(this.link, !isRunning && isSaved);
    setVisible(this.regenerate, Boolean(item.isLast));
    const isCutOff = ['stopped', 'failed'].includes(status) || data.cut === 'length';
    setVisible(this.continueReply, Boolean(item.isLast && data.text && isCutOff));
    this.versions.update(data.versions ?? [], data.seq, Boolean(item.isBusy));
    this.setLabel(this.regenerate, status === 'answered' && !failedVersion ? 'Regenerate' : 'Try again');
    this.updateNote();
  }

  /** Render again what a library that was loaded changes: code, formulas, or all of an unformatted text. */
  renderAgain() {
    const isPlain = this.body.firstChild?.nodeType === Node.TEXT_NODE;
    if (isPlain || this.body.querySelector('code[class], .formula')) renderMarkdown(this.body, this.item.data.text);
  }

  updateNote() {
    setText(this.note, noteOf(this.item));
  }
}

/** @param {ReplyItem} item */
function errorOf({ data, failedVersion }) {
  if (failedVersion) return `Regenerating failed. ${asSentence(failedVersion.error ?? '')}`.trim();
  return (data.error && asSentence(data.error)) || (data.shortened && SHORTENED) || '';
}

/** @param {ReplyItem} item */
function noteOf(item) {
  const { status, data } = item;
  if (status === 'running') return runningNoteOf(item);
  if (status === 'stopped') return data.text ? 'Stopped here' : 'Stopped before it began';
  if (status === 'failed' && !data.error) return 'The reply failed';
  if (data.cut === 'length') return 'Cut off: the model’s length limit was reached';
  if (data.cut) return 'Cut off by the provider’s content filter';
  return data.seconds && data.model ? `${data.model} · ${data.seconds.toFixed(1)} s` : '';
}

/** @param {ReplyItem} item */
function runningNoteOf({ data, retry, isStopping, service }) {
  if (service === 'unreachable') return SERVICE_UNREACHABLE;
  if (isStopping) return 'Stopping…';
  if (retry) return retryNoteOf(retry);
  if (service === 'reachable') return SERVICE_REACHABLE;
  return data.text ? 'Writing…' : 'Waiting for the model…';
}

/** @param {Retry} retry */
function retryNoteOf({ until, why }) {
  const seconds = Math.ceil((until - Date.now()) / 1000);
  return seconds > 0 ? `${asSentence(why || 'The model is busy')} Trying again in ${seconds} s…` : 'Trying again…';
}
