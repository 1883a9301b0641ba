// The message box: text and files with a draft per conversation, sending and stopping.

import { Draft } from '../state/draft.js';
import { joinTexts } from '../state/message-versions.js';
import { errorMessage, find, fitHeight, isComposing, isSendKey, setText, setVisible } from './dom.js';
import { isPicture, readFile, showFiles, sizeOf } from './files.js';

/** @import { Attachment, Limits } from '../net/types.js' */

/**
 * The files of one message. It stays the same array while the message is written.
 * @typedef {Attachment[] & { pending?: number, isSubmitted?: boolean }} MessageFiles
 */

const PLACEHOLDER = 'Write a message';
const STORAGE_FULL = 'This browser has no space to store the files. Send them before you leave this page.';
const NO_PICTURES = 'This model cannot see pictures. It is only told that one is attached.';

export class Composer {
  /** @param {{ send: (text: string, files: Attachment[]) => void, stop: () => void }} actions */
  constructor(actions) {
    this.actions = actions;
    this.text = find('composer-text', HTMLTextAreaElement);
    this.list = find('files');
    this.hint = find('hint');
    this.sendButton = find('send', HTMLButtonElement);
    /** @type {MessageFiles} */
    this.files = [];
    this.fileErrors = '';
    this.fileRule = '';
    /** @type {Limits} */
    this.limits = { text: 100_000, attachments: 10, inline: 256 * 1024 };
    this.hasVision = true;
    this.textDraft = new Draft('draft', {
      empty: '',
      get: () => this.text.value,
      set: (text) => this.replaceText(text),
      merge: (stored, own) => joinTexts(stored, own),
    });
    this.fileDraft = new Draft('files', {
      empty: /** @type {Attachment[]} */ ([]),
      get: () => this.files,
      set: (files) => {
        this.files.splice(0, this.files.length, ...files);
        this.update();
      },
      merge: (stored, own) => [...stored, ...own],
    });
    this.listen();
  }

  listen() {
    find('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener('input', () => this.handleInput());
    this.text.addEventListener('keydown', (event) => {
      if (isComposing(event) || !isSendKey(event)) return;
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener('paste', (event) => this.handlePaste(event));
    find('stop').addEventListener('click', () => this.actions.stop());
    const picker = find('picker', HTMLInputElement);
    find('attach').addEventListener('click', () => picker.click());
    picker.addEventListener('change', () => {
      this.addFiles([...(picker.files ?? [])]);
      picker.value = '';
    });
    this.listenForDrops();
  }

  /** The conversation's id, or 'new'. */
  get key() {
    return this.textDraft.key;
  }

  /** Set it when the same message continues under another id; `enter` shows another draft. */
  set key(key) {
    this.textDraft.key = this.fileDraft.key = key;
  }

  /** @param {string} key */
  enter(key) {
    if (this.key === key) return;
    this.textDraft.enter(key);
    this.fileDraft.mergeIntoStored();
    this.files = []; // files that are still being read belong to the other conversation
    this.fileDraft.enter(key);
    this.fileErrors = '';
    this.update();
  }

  // The caret stays where it was, or at the end.
  /** @param {string} text */
  replaceText(text) {
    const { selectionStart, selectionEnd, value } = this.text;
    this.text.value = text;
    if (document.activeElement === this.text && selectionStart < value.length) {
      this.text.setSelectionRange(selectionStart, selectionEnd);
    }
    fitHeight(this.text);
    this.update();
  }

  handleInput() {
    this.textDraft.save();
    fitHeight(this.text);
    this.update();
  }

  /** Show the files, the hint, and whether the message can be sent. */
  update() {
    showFiles(this.list, this.files, (index) => {
      this.files.splice(index, 1);
      this.fileDraft.save();
      this.update();
      this.text.focus();
    });
    const { pending, isSubmitted } = this.files;
    const excess = this.text.value.length - this.limits.text;
    const characters = excess === 1 ? 'one character' : `${excess.toLocaleString()} characters`;
    const hints = [
      excess > 0 && `The message is ${characters} too long.`,
      pending && (isSubmitted ? 'Sending when the file has been read…' : 'Reading the file…'),
      this.fileErrors,
      !this.hasVision && this.files.some(isPicture) && NO_PICTURES,
    ];
    setText(this.hint, hints.filter(Boolean).join(' '));
    this.sendButton.disabled = excess > 0 || !(this.text.value.trim() || this.files.length || pending);
  }

  submit() {
    if (this.sendButton.disabled) return;
    if (this.files.pending) {
      this.files.isSubmitted = true;
      this.update();
      return;
    }
    const files = this.files.splice(0);
    const text = this.text.value.trim();
    this.fileErrors = '';
    this.text.value = '';
    this.fileDraft.save();
    this.handleInput();
    this.actions.send(text, files);
    this.text.focus();
  }

  /**
   * Put a message back to be edited, in front of the text and files of the draft.
   * @param {string} text
   * @param {Attachment[]} files
   */
  restore(text, files) {
    this.text.value = joinTexts(text, this.text.value);
    this.files.unshift(...files);
    this.files.splice(this.limits.attachments);
    this.fileDraft.save();
    this.handleInput();
    this.text.focus();
  }

  /**
   * Put a message back into the draft of a conversation that was left.
   * @param {string} key
   * @param {string} text
   * @param {Attachment[]} files
   */
  restoreTo(key, text, files) {
    this.textDraft.save(key, joinTexts(text, this.textDraft.read(key)));
    this.fileDraft.save(key, [...files, ...this.fileDraft.read(key)].slice(0, this.limits.attachments));
  }

  // The user may go to another conversation while files are read. A message that is sent meanwhile waits for them.
  /** @param {File[]} added */
  async addFiles(added) {
    const { key, files } = this;
    files.pending = (files.pending || 0) + 1;
    this.update();
    const errors = await this.readFiles(added, files);
    files.pending -= 1;
    if (!this.fileDraft.save(files === this.files ? this.key : key, files)) errors.push(STORAGE_FULL);
    if (files !== this.files) return;
    this.fileErrors = errors.join(' ');
    const { isSubmitted } = files;
    if (!files.pending) files.isSubmitted = false;
    this.update();
    if (isSubmitted && !files.pending && !errors.length) this.submit();
    this.text.focus();
  }

  /**
   * Add the valid files to `files`. Return an error for each of the others.
   * @param {File[]} added
   * @param {MessageFiles} files
   */
  async readFiles(added, files) {
    /** @type {string[]} */
    const errors = [];
    for (const [index, file] of added.entries()) {
      if (files.length >= this.limits.attachments) {
        const left = added.length - index;
        const omitted = left === 1 ? 'One was' : `${left} were`;
        errors.push(`A message can have at most ${this.limits.attachments} files. ${omitted} left out.`);
        break;
      }
      try {
        const room = this.limits.inline - files.reduce((sum, other) => sum + sizeOf(other), 0);
        files.push(await readFile(file, room));
      } catch (error) {
        errors.push(errorMessage(error));
      }
    }
    return errors;
  }

  /**
   * Set what the server and the model accept.
   * @param {Limits} limits
   * @param {boolean} hasVision
   */
  setLimits(limits, hasVision) {
    this.limits = limits;
    this.hasVision = hasVision;
    const kilobytes = Math.round(limits.inline / 1024);
    this.fileRule = `Text files and pictures: at most ${limits.attachments} files, ${kilobytes} KB in total.`;
    find('attach').title = `Attach files. ${this.fileRule}`;
    this.update();
  }

  /** @param {ClipboardEvent} event */
  handlePaste(event) {
    const data = event.clipboardData;
    if (!data) return;
    const files = [...data.files];
    // Trap: cells copied from a table come as text and as a picture of them. A copied file comes with its name as text.
    const names = new Set(files.map((file) => file.name));
    const lines = data
      .getData('text/plain')
      .split('\n')
      .map((line) => line.trim());
    if (!files.length || !lines.every((line) => !line || names.has(line))) return;
    event.preventDefault();
    this.addFiles(files);
  }

  listenForDrops() {
    const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
    let depth = 0;
    const changeDepth = (/** @type {number} */ change) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle('dropping', depth > 0);
      this.text.placeholder = depth ? this.fileRule || 'Drop files here' : PLACEHOLDER;
    };
    document.addEventListener('dragenter', (event) => hasFiles(event) && changeDepth(1));
    document.addEventListener('dragleave', (event) => hasFiles(event) && changeDepth(-1));
    document.addEventListener('dragover', (event) => hasFiles(event) && event.preventDefault());
    document.addEventListener('drop', (event) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      changeDepth(-depth);
      this.addFiles([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {boolean} isRunning whether a reply can be stopped */
  setRunning(isRunning) {
    setVisible(find('stop'), isRunning);
  }
}
