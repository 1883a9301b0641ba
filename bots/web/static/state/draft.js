// The text or files being written in a conversation, stored until they are sent.

import { sessionStore, storage } from './storage.js';

/**
 * @template T
 * @typedef {object} DraftField What the message box contains.
 * @property {T} empty
 * @property {() => T} get
 * @property {(value: T) => void} set
 * @property {(stored: T, own: T) => T} merge
 */

const NEW = 'new';

// A new conversation has no address: its draft belongs to the window alone.
/** @param {string} key */
const storeFor = (key) => (key === NEW ? sessionStore : storage);

/** @param {unknown} a @param {unknown} b */
const isEqual = (a, b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * One draft per conversation, the same in all windows of the browser: what is typed in one window appears in the
 * others. When two windows write at the same moment, the one that learns of it later keeps its own draft
 * (`hasDiverged`) until it is sent or the window leaves the conversation. Then it is appended to the stored draft.
 * @template T
 */
export class Draft {
  /** @param {string} kind @param {DraftField<T>} field */
  constructor(kind, field) {
    this.kind = kind;
    this.field = field;
    /** The conversation's id, or 'new'. */
    this.key = '';
    this.hasDiverged = false;
    storage.onChange(kind, (key, before, after) => {
      if (key !== this.key) return;
      this.handleChange(/** @type {T} */ (before ?? field.empty), /** @type {T} */ (after ?? field.empty));
    });
    window.addEventListener('pagehide', () => this.mergeIntoStored());
  }

  /** @param {string} key @returns {T} */
  read(key) {
    return /** @type {T} */ (storeFor(key).read(this.kind, key) ?? this.field.empty);
  }

  /**
   * Show the draft of another conversation.
   * @param {string} key
   */
  enter(key) {
    this.mergeIntoStored();
    this.key = key;
    this.field.set(this.read(key));
  }

  /**
   * Store a draft: the current one, or files that were read for a conversation that was left. Return whether there was
   * room.
   */
  save(key = this.key, value = this.field.get()) {
    if (key !== this.key || !this.hasDiverged) return storeFor(key).write(this.kind, key, value);
    if (isEqual(value, this.field.empty)) {
      this.hasDiverged = false; // it was sent: show the other window's draft
      this.field.set(this.read(key));
    }
    return true;
  }

  /** @param {T} before @param {T} after */
  handleChange(before, after) {
    const own = this.field.get();
    if (!this.hasDiverged && isEqual(own, before)) this.field.set(after);
    else this.hasDiverged = !isEqual(own, after);
  }

  mergeIntoStored() {
    if (!this.hasDiverged) return;
    this.hasDiverged = false;
    storeFor(this.key).write(this.kind, this.key, this.field.merge(this.read(this.key), this.field.get()));
  }
}
