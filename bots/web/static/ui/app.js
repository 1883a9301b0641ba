// The page: it passes user actions to the store, and draws what the store knows of the current conversation.

import { markdownReady } from '../markdown/lazy-markdown.js';
import { api } from '../net/api.js';
import { Store } from '../state/store.js';
import { Announcer } from './announcer.js';
import { Composer } from './composer.js';
import { Deletion } from './deletion.js';
import { promptForText, showToast } from './dialogs.js';
import { errorMessage, find, setText, setVisible } from './dom.js';
import { HistoryLoader } from './history-loader.js';
import { messageActions } from './message-actions.js';
import { addressedConversation, historyEntry, linkedMessage, pushAddress } from './navigation.js';
import { Sidebar } from './sidebar.js';
import { Thread } from './thread.js';

/**
 * @import { Attachment, LiveEvent, Me } from '../net/types.js'
 * @import { Conversation } from '../state/conversation.js'
 */

const OFFLINE_MS = 800; // a restart of the server is shorter, and not shown
const ME_RETRY_MS = 3000;
const NEW = 'new';
const HEADER_BUTTONS = ['export', 'rename', 'delete'];

export class App {
  constructor() {
    /** @type {Conversation | null} */
    this.shown = null;
    this.isDrawScheduled = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.connectionTimer = undefined;
    this.announcer = new Announcer(find('announcer'));
    this.sidebar = new Sidebar(
      (id) => this.open(id),
      () => this.shown && this.drawTitle(),
    );
    this.composer = new Composer({ send: (text, files) => this.send(text, files), stop: () => this.stop() });
    this.deletion = new Deletion({
      setHidden: (id, isHidden) => this.sidebar.setHidden(id, isHidden),
      open: (id) => this.open(id),
      remove: (id) => this.remove(id),
    });
    this.store = new Store(
      {
        onChange: (conversation) => this.scheduleDraw(conversation),
        onListChange: () => this.sidebar.refresh(),
        onReplyDone: (id) => this.handleReplyDone(id),
        onOnlineChange: () => this.shown && this.draw(),
        onOutboxChange: (id) => this.deletion.cancel(id),
      },
      markdownReady,
    );
    this.thread = new Thread(find('thread'), messageActions(this));
    this.loader = new HistoryLoader(
      this.thread,
      () => this.current,
      () => this.draw(),
    );
  }

  /** The conversation that is shown. */
  get current() {
    if (!this.shown) throw new Error('no conversation is open');
    return this.shown;
  }

  // --- drawing ---------------------------------------------------------------------------------------------

  /** @param {Conversation} conversation */
  scheduleDraw(conversation) {
    if (conversation !== this.shown || this.isDrawScheduled) return;
    this.isDrawScheduled = true;
    // Trap: a hidden window draws no frames, but scripts and screen readers must find the current state.
    if (document.hidden) setTimeout(() => this.draw());
    else requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.isDrawScheduled = false;
    const conversation = this.current;
    const { scroller } = this.loader;
    const { isLoaded, isDeleted, isEmpty, isNew, running, stopping } = conversation;
    if (scroller.isFollowing && !conversation.gap) conversation.trimAbove();
    this.thread.render(conversation);
    this.drawTitle();
    for (const id of HEADER_BUTTONS) setVisible(find(id), !isNew && !isDeleted);
    setVisible(find('empty'), isLoaded && isEmpty && !isDeleted);
    setVisible(find('deleted'), isLoaded && isDeleted);
    setVisible(find('loading'), !isLoaded);
    setText(find('loading'), conversation.loadError || 'Loading…');
    scroller.hasMoreBelow = Boolean(conversation.gap);
    this.composer.setRunning(running !== null && stopping === null);
    this.drawConnection(conversation);
    this.announcer.update(conversation);
    if (isLoaded && conversation.isEntering) this.loader.restorePosition();
    else scroller.handleResize();
  }

  // The list may know a title before the conversation does.
  drawTitle() {
    const { isDeleted, isNew, title, id } = this.current;
    const known = title || this.sidebar.titleOf(id) || 'New conversation';
    const text = isDeleted ? 'Deleted conversation' : known;
    setText(find('title'), text);
    document.title = isNew ? 'Threadwell' : `${text} · Threadwell`;
  }

  /** @param {Conversation} conversation */
  drawConnection({ isLoaded, loadError }) {
    const error = this.store.isOnline === false ? 'Offline: reconnecting…' : isLoaded && loadError;
    clearTimeout(this.connectionTimer);
    if (!error) setText(find('connection'), '');
    else this.connectionTimer = setTimeout(() => setText(find('connection'), error), OFFLINE_MS);
  }

  // --- navigation ------------------------------------------------------------------------------------------

  /**
   * Show the conversation of the address.
   * @param {string | null} id null for a new conversation
   */
  enter(id) {
    this.deletion.cancel(id);
    const conversation = id ? this.store.open(id) : this.store.openNew();
    this.shown = conversation;
    conversation.isEntering = true;
    this.loader.scroller.enter(conversation.id, historyEntry(), linkedMessage());
    this.sidebar.enter(id);
    this.composer.enter(id || NEW);
    this.draw();
    this.focusComposer();
  }

  /**
   * @param {string | null} id null for a new conversation
   * @param {number | null} [seq] the message to show
   */
  open(id, seq) {
    if (id && !seq && id === addressedConversation()) return;
    pushAddress(id, seq);
    this.enter(id);
  }

  openNew() {
    this.sidebar.setOpen(false);
    this.open(null);
  }

  /** Focus the message box. Not on touch screens, where it would open the keyboard over the messages. */
  focusComposer() {
    if (!matchMedia('(pointer: coarse)').matches) this.composer.text.focus();
  }

  // --- user actions ----------------------------------------------------------------------------------------

  /**
   * Run `act` and show its error. Return whether it worked.
   * @param {() => Promise<void>} act
   */
  async attempt(act) {
    try {
      await act();
      return true;
    } catch (error) {
      showToast(errorMessage(error));
      return false;
    }
  }

  /**
   * @param {string} text
   * @param {Attachment[]} files
   * @param {number} [replaces] the `seq` of the question that is edited
   */
  send(text, files, replaces) {
    if (this.current.isDeleted) {
      this.composer.key = NEW; // a deleted conversation is not continued
      this.open(null);
    }
    const conversation = this.current;
    if (conversation.isNew) {
      pushAddress(conversation.id);
      this.composer.key = conversation.id;
      this.sidebar.current = conversation.id;
    }
    conversation.closeGap();
    this.store.send(conversation, text, files, replaces);
    this.draw();
    this.loader.scroller.scrollToEnd();
  }

  stop() {
    if (document.activeElement === find('stop')) this.focusComposer(); // the button disappears
    if (this.current.running) this.attempt(() => this.store.stop(this.current));
  }

  async rename() {
    const conversation = this.current;
    const title = await promptForText('Conversation title', conversation.title || (find('title').textContent ?? ''));
    if (!title) return;
    await this.attempt(async () => {
      await api.rename(conversation.id, title);
      conversation.title = title;
      this.scheduleDraw(conversation);
      this.sidebar.refresh();
    });
  }

  /** Start deleting the current conversation. It is removed when "Undo" is no longer offered. */
  startDeletion() {
    const { id } = this.current;
    this.open(null);
    this.deletion.start(id);
  }

  /** @param {string} id */
  async remove(id) {
    try {
      await api.remove(id);
      this.store.forget(id);
    } catch (error) {
      this.sidebar.setHidden(id, false);
      showToast(`The conversation could not be deleted. ${errorMessage(error)}`);
    }
  }

  // --- events ----------------------------------------------------------------------------------------------

  /** @param {LiveEvent} event */
  handleEvent(event) {
    this.deletion.handleEvent(event);
    this.store.handleEvent(event);
  }

  /** @param {string} id */
  handleReplyDone(id) {
    if (id !== this.shown?.id || document.hidden) this.sidebar.markUnread(id);
  }

  handleVisibilityChange() {
    if (document.hidden) return;
    this.sidebar.markRead(this.current.id);
    this.sidebar.render();
  }

  /** Fetch who the user is and what may be sent. Retries until it works. */
  async fetchMe() {
    try {
      this.applyMe(await api.me());
    } catch {
      setTimeout(() => this.fetchMe(), ME_RETRY_MS);
    }
  }

  /** @param {Me} me */
  applyMe(me) {
    this.sidebar.setMe(me);
    setVisible(find('device-field'), me.devices);
    setVisible(find('previous-identity-field'), me.previous_identity);
    this.composer.setLimits(me.limits, me.images);
  }
}
