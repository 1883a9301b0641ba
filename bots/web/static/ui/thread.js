// The messages of a conversation as elements. Each item keeps its element from "sending" to "answered".

import { LIBRARY_LOADED } from '../markdown/libraries.js';
import { cachedFormatDay, isShallowEqual } from './dom.js';
import { ReplyView } from './reply.js';
import { UserMessageView } from './user-message.js';

/**
 * @import { Attachment } from '../net/types.js'
 * @import { Conversation } from '../state/conversation.js'
 * @import { Item, ReplyItem, UserItem } from '../state/conversation-items.js'
 * @import { Content } from './edit-box.js'
 *
 * @typedef {object} MessageActions
 * @property {(item: ReplyItem) => Promise<boolean>} regenerate returns whether it worked
 * @property {(item: ReplyItem) => Promise<boolean>} continueReply
 * @property {(item: UserItem) => void} withdraw
 * @property {() => void} resend
 * @property {(item: UserItem) => void} discard
 * @property {(item: UserItem, text: string, files: Attachment[]) => void} edit
 * @property {() => void} closeEditBox
 * @property {(seq: number, announcement: string) => void} chooseVersion
 * @property {(text: string) => void} notify
 */

export class Thread {
  /** @param {HTMLElement} list @param {MessageActions} actions */
  constructor(list, actions) {
    this.list = list;
    this.actions = actions;
    /** @type {Map<string, UserMessageView | ReplyView>} by the item's key */
    this.views = new Map();
    this.conversationId = '';
    document.addEventListener(LIBRARY_LOADED, () => {
      for (const view of this.views.values()) if (view instanceof ReplyView) view.renderAgain();
    });
  }

  /** @param {Conversation} conversation */
  render(conversation) {
    if (this.conversationId !== conversation.id) {
      this.list.replaceChildren();
      this.views.clear();
      this.conversationId = conversation.id;
    }
    const { items } = conversation;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    const restoresFocus = focused !== null && this.list.contains(focused);
    const editing = this.removeMissing(new Set(items.map((item) => item.key)));
    const skipEditing = (/** @type {ChildNode | null} */ node) => {
      let next = node;
      while (next && editing.has(next)) next = next.nextSibling;
      return next;
    };
    let next = skipEditing(this.list.firstChild);
    let day = '';
    const formatDay = cachedFormatDay();
    for (const item of items) {
      const view = this.viewOf(item, editing);
      if (item.kind === 'user' && item.data.at) {
        const itemDay = formatDay(item.data.at);
        view.setDay(itemDay === day ? '' : itemDay);
        day = itemDay;
      }
      if (view.node === next) next = skipEditing(next.nextSibling);
      else this.list.insertBefore(view.node, next);
    }
    if (restoresFocus && focused.isConnected && document.activeElement !== focused) {
      focused.focus({ preventScroll: true });
    }
  }

  /**
   * Remove the views of items that are gone, before anything else: the elements that stay are then not moved, which
   * would take the focus from them. Return the nodes, and keys, of messages that are gone while the user edits them.
   * Their edit box stays until it is closed.
   * @param {Set<string>} keys
   * @returns {Map<Node, string>}
   */
  removeMissing(keys) {
    const editing = new Map();
    for (const [key, view] of this.views) {
      if (keys.has(key)) continue;
      if (view instanceof UserMessageView && view.editBox) {
        editing.set(view.node, key);
      } else {
        view.node.remove();
        this.views.delete(key);
      }
    }
    return editing;
  }

  /** @param {Item} item @param {Map<Node, string>} editing */
  viewOf(item, editing) {
    let view = this.views.get(item.key);
    if (item.kind === 'user') {
      view ??= this.findEditing(item, editing) ?? new UserMessageView(item, this.actions);
      if (view instanceof UserMessageView && !isShallowEqual(view.item, item)) view.update(item);
    } else {
      view ??= new ReplyView(item, this.actions);
      if (view instanceof ReplyView && !isShallowEqual(view.item, item)) view.update(item);
    }
    this.views.set(item.key, view);
    return view;
  }

  /**
   * Return the view whose edit box belongs to another version of this question, which another window has edited.
   * @param {UserItem} item
   * @param {Map<Node, string>} editing
   */
  findEditing(item, editing) {
    for (const [node, key] of editing) {
      const view = this.views.get(key);
      if (!(view instanceof UserMessageView)) continue;
      const seq = view.item?.question?.seq;
      if (seq === undefined || !item.question?.versions.includes(seq)) continue;
      editing.delete(node);
      this.views.delete(key);
      return view;
    }
    return null;
  }

  /**
   * Open the edit box of a question with a cancelled message that was to replace it. Return whether the question is
   * shown and can be edited.
   * @param {number} seq
   * @param {Content} cancelled
   */
  openEditBox(seq, cancelled) {
    for (const view of this.views.values()) {
      if (!(view instanceof UserMessageView) || !view.item.isEditable || view.item.question?.seq !== seq) continue;
      view.openEditBox(cancelled);
      return true;
    }
    return false;
  }

  /** Update texts that change with time, like the seconds until the next try. */
  updateTimes() {
    for (const view of this.views.values()) if (view instanceof ReplyView) view.updateNote();
  }
}
