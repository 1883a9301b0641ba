// Deletes a conversation when the toast with "Undo" closes.

import { showToast, showUndoToast } from './dialogs.js';

/** @import { LiveEvent } from '../net/types.js' */

/**
 * @typedef {object} DeletionActions
 * @property {(id: string, isHidden: boolean) => void} setHidden hide the conversation in the list, or show it
 * @property {(id: string) => void} open
 * @property {(id: string) => void} remove
 */

/** Events of a person who uses the conversation in another window. */
const CANCELLING = ['waiting', 'used'];

/** The one conversation that is about to be deleted. It is kept if it is opened or used in any window before. */
export class Deletion {
  /** @param {DeletionActions} actions */
  constructor(actions) {
    this.actions = actions;
    /** @type {string | null} */
    this.id = null;
    this.closeToast = (/** @type {() => void} */ _replacement) => {};
  }

  /** @param {string} id */
  start(id) {
    this.actions.setHidden(id, true);
    const undo = () => {
      this.end(id);
      this.actions.open(id);
    };
    const done = () => {
      this.id = null;
      this.actions.remove(id);
    };
    this.closeToast = showUndoToast('Conversation deleted', undo, done);
    this.id = id;
  }

  /**
   * Keep a conversation that is about to be deleted.
   * @param {string | null} id
   */
  cancel(id) {
    if (!id || id !== this.id) return;
    this.end(id);
    this.closeToast(() => showToast('Conversation kept'));
  }

  /** @param {LiveEvent} event */
  handleEvent(event) {
    if ('conversation' in event && CANCELLING.includes(event.kind)) this.cancel(event.conversation);
  }

  /** @param {string} id */
  end(id) {
    this.actions.setHidden(id, false);
    this.id = null;
  }
}
