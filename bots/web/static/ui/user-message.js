// A message of the user.

import { copyWithToast } from './dialogs.js';
import { asSentence, el, formatDay, formatTime, setText, setVisible } from './dom.js';
import { EditBox } from './edit-box.js';
import { showFiles } from './files.js';
import { Fold } from './fold.js';
import { MessageView } from './message-view.js';
import { VersionSwitch } from './version-switch.js';

/**
 * @import { UserData, UserItem } from '../state/conversation-items.js'
 * @import { Content } from './edit-box.js'
 * @import { MessageActions } from './thread.js'
 */

const NOT_EDITABLE = 'This message is too old to edit. Copy it and send it as a new one.';

export class UserMessageView extends MessageView {
  /** @param {UserItem} item @param {MessageActions} actions */
  constructor(item, actions) {
    super(actions, 'user');
    this.item = item;
    /** @type {UserData | undefined} */
    this.data = undefined;
    /** @type {EditBox | null} */
    this.editBox = null;
    this.text = el('div', { class: 'text', dir: 'auto' });
    this.fold = new Fold(this.text);
    this.files = el('ul', { class: 'files', hidden: true });
    this.note = el('span', { class: 'note' });
    this.cancel = this.button('Cancel', 'undo', () => actions.withdraw(this.item));
    this.resend = this.button('Try again', 'retry', () => actions.resend());
    this.discard = this.button('Edit', 'edit', () => actions.discard(this.item));
    this.versions = new VersionSwitch(actions.chooseVersion);
    this.footer = el('div', { class: 'footer' });
    this.footer.append(this.versions.node, this.note, this.cancel, this.resend, this.discard);
    this.bubble = el('div', { class: 'bubble' }, this.text, this.fold.button, this.files);
    this.copy = this.iconButton('Copy', 'copy', () => {
      copyWithToast(this.item.data.text ?? '', () => actions.notify('Copied'));
    });
    this.edit = this.iconButton('Edit', 'edit', () => this.openEditBox());
    this.link = this.linkButton(() => this.item.data.seq);
    this.row = el('div', { class: 'bubble-row' }, this.link, this.copy, this.edit, this.bubble);
    this.node.append(el('span', { class: 'visually-hidden', text: 'You said:' }), this.row, this.footer);
    this.update(item);
  }

  /**
   * Replace the bubble by an edit box.
   * @param {Content} [cancelled] a cancelled message that was to replace the question
   */
  openEditBox(cancelled) {
    const { item } = this;
    const { question } = item;
    if (this.editBox) {
      if (cancelled) this.editBox.add(cancelled);
      return;
    }
    if (!item.isEditable || !question) {
      this.actions.notify(NOT_EDITABLE);
      return;
    }
    const editBox = new EditBox(question, `${question.seq}:${item.data.id}`, cancelled, {
      send: (text, files) => {
        this.closeEditBox();
        this.actions.edit(item, text, files);
      },
      cancel: () => {
        this.closeEditBox();
        this.edit.focus();
        this.actions.closeEditBox();
      },
    });
    this.editBox = editBox;
    this.row.replaceWith(editBox.node);
    editBox.focus();
  }

  closeEditBox() {
    this.editBox?.node.replaceWith(this.row);
    this.editBox = null;
  }

  /** @param {UserItem} item */
  update(item) {
    const { data, status, question } = item;
    this.item = item;
    this.updateContent(item);
    this.node.dataset.status = status;
    this.node.dataset.key = item.key;
    const note = noteOf(item);
    setText(this.note, note);
    setVisible(this.cancel, status === 'waiting');
    setVisible(this.resend, status === 'unsent');
    setVisible(this.discard, status === 'unsent');
    setVisible(this.copy, Boolean(data.seq && data.text));
    setVisible(this.link, Boolean(data.seq) && status !== 'running');
    setVisible(this.edit, Boolean(question));
    const versions = question?.versions ?? [];
    this.versions.update(versions, question?.seq, Boolean(item.isBusy));
    setVisible(this.footer, Boolean(note) || versions.length > 1);
  }

  /** @param {UserItem} item */
  updateContent({ data }) {
    if (this.data === data) return;
    this.data = data;
    setText(this.text, data.text ?? data.message ?? '');
    this.fold.update();
    setVisible(this.text, Boolean(this.text.textContent));
    showFiles(this.files, data.attachments || []);
    if (data.at) this.bubble.title = `${formatDay(new Date(data.at))}, ${formatTime(new Date(data.at))}`;
    if (data.seq) this.node.id = `message-${data.seq}`;
  }
}

/** @param {UserItem} item */
function noteOf({ status, place, isBehindTurn, data, error }) {
  switch (status) {
    case 'sending':
      return 'Sending…';
    case 'unsent': {
      const reason = asSentence(error ?? '');
      return data.isRefused ? `Not sent. ${reason}` : `Not sent yet. ${reason} Trying again…`;
    }
    case 'withdrawn':
      return 'Cancelled';
    case 'waiting':
      if (place) return `Queued, position ${place + 1}`;
      return isBehindTurn ? 'Queued, next' : 'Received';
    default:
      return '';
  }
}
