// The scroll position in a conversation. The view follows a reply only while the user is at the bottom. Older messages
// are inserted above without moving what is being read. The position survives a reload.

import { sessionStore } from '../state/storage.js';
import { setVisible } from './dom.js';

/**
 * @typedef {{ seq: number | null, offset: number }} Position the first visible message, and its distance to the top
 *   edge
 *
 * @typedef {object} ScrollActions
 * @property {() => void} loadOlder
 * @property {() => void} loadNewer
 * @property {() => void} showLatest
 */

const NEAR_BOTTOM = 40;
const NEAR_EDGE = 800;
const LINK_OFFSET = 72; // a linked message is shown a little below the edge
const SAVE_MS = 100;
const KIND = 'position';

export class Scroller {
  /**
   * @param {HTMLElement} box
   * @param {HTMLElement} content
   * @param {HTMLElement} latest the button "Jump to latest"
   * @param {ScrollActions} actions
   */
  constructor(box, content, latest, actions) {
    this.box = box;
    this.content = content;
    this.latest = latest;
    this.actions = actions;
    this.isFollowing = true;
    this.hasMoreBelow = false; // messages below are not loaded
    this.key = ''; // the conversation whose position is saved
    this.entry = ''; // the entry of the browser's history whose position is saved
    this.entering = { key: '', entry: '' }; // the next ones, until the position is restored
    /** @type {Position | null} The position that must be restored. */
    this.target = null;
    /** @type {number | null} The message that the address links to. */
    this.linkedSeq = null;
    this.top = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.saveTimer = undefined;
    box.addEventListener('scroll', () => this.handleScroll(), { passive: true });
    box.addEventListener('wheel', (event) => this.handleWheel(event), { passive: true });
    box.addEventListener('keydown', (event) => this.handleKey(event));
    latest.addEventListener('click', () => actions.showLatest());
    window.addEventListener('pagehide', () => this.save());
    new ResizeObserver(() => this.handleResize()).observe(content);
    new ResizeObserver(() => this.handleResize()).observe(box);
  }

  get distanceToEnd() {
    return this.box.scrollHeight - this.box.clientHeight - this.box.scrollTop;
  }

  // Scrolling up by any distance stops following; scrolling down to the end starts it. Trap: the browser also moves the
  // position up when the content becomes shorter; then the view is still at the end.
  handleScroll() {
    const { top } = this;
    this.top = this.box.scrollTop;
    if (this.top < top) this.isFollowing &&= this.distanceToEnd < 1;
    else if (this.top > top && this.distanceToEnd <= NEAR_BOTTOM && !this.hasMoreBelow) this.isFollowing = true;
    this.update();
  }

  // Trap: the wheel event comes before the scroll. A reply that arrives in between would undo it.
  /** @param {WheelEvent} event */
  handleWheel(event) {
    if (event.deltaY < 0 && !event.ctrlKey && this.box.scrollTop > 0) this.isFollowing = false;
  }

  // Trap: the browser scrolls smoothly to where the end was at the key press; a streaming reply has moved it by then.
  /** @param {KeyboardEvent} event */
  handleKey(event) {
    if (event.key !== 'End' || event.shiftKey || this.hasMoreBelow) return;
    if (event.target instanceof Element && event.target.closest('textarea, input')) return;
    this.scrollToEnd();
  }

  /** Call it when the content or the window has changed its size. */
  handleResize() {
    if (this.isFollowing) this.box.scrollTop = this.box.scrollHeight;
    this.top = this.box.scrollTop;
    this.update();
  }

  update() {
    setVisible(this.latest, !this.isFollowing && (this.hasMoreBelow || this.distanceToEnd > NEAR_BOTTOM));
    this.saveLater();
    if (this.box.scrollTop < NEAR_EDGE) this.actions.loadOlder();
    if (this.hasMoreBelow && this.distanceToEnd < NEAR_EDGE) this.actions.loadNewer();
  }

  scrollToEnd() {
    if (this.targetSeq) this.finishEntering(); // the position will not be restored any more
    this.isFollowing = true;
    // Trap: a smooth scroll that the keyboard has started continues after `scrollTop` is set. A smooth scroll of our
    // own ends it, and is itself ended by setting `scrollTop`.
    this.box.scrollTo({ top: this.box.scrollHeight, behavior: 'smooth' });
    this.handleResize();
  }

  /** Follow again if the view is at the end. */
  followIfAtEnd() {
    this.isFollowing = this.distanceToEnd < 1 && !this.hasMoreBelow;
    this.update();
  }

  /**
   * Run `change`, which inserts messages above, and keep what is being read in its place.
   * @param {() => void} change
   */
  keepPosition(change) {
    const anchor = this.firstVisible();
    const before = anchor?.getBoundingClientRect().top ?? 0;
    change();
    if (anchor?.isConnected) this.box.scrollTop += anchor.getBoundingClientRect().top - before;
    this.top = this.box.scrollTop;
  }

  firstVisible() {
    const edge = this.box.getBoundingClientRect().top;
    const nodes = this.content.querySelectorAll('.message');
    let low = 0;
    let high = nodes.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (nodes[middle].getBoundingClientRect().bottom > edge) high = middle;
      else low = middle + 1;
    }
    return nodes.item(low);
  }

  // --- the saved position ----------------------------------------------------------------------------------
  // It is saved for this entry of the browser's history, and for the conversation, however that is opened.

  saveLater() {
    clearTimeout(this.saveTimer);
    if (this.key) this.saveTimer = setTimeout(() => this.save(), SAVE_MS);
  }

  save() {
    clearTimeout(this.saveTimer);
    if (!this.key) return;
    const first = this.isFollowing ? null : this.firstVisible();
    const offset = first ? Math.round(first.getBoundingClientRect().top - this.box.getBoundingClientRect().top) : 0;
    const seq = first?.id ? Number(first.id.slice('message-'.length)) : null;
    sessionStore.write(KIND, this.key, seq ? { seq, offset } : null);
    sessionStore.write(KIND, this.entry, { seq, offset });
  }

  /**
   * Open a conversation. `restore` must be called when it is loaded.
   * @param {string} key
   * @param {string} entry
   * @param {number | null} linkedSeq
   */
  enter(key, entry, linkedSeq) {
    this.save();
    this.key = '';
    this.isFollowing = true;
    this.hasMoreBelow = false;
    this.linkedSeq = linkedSeq;
    const saved = sessionStore.read(KIND, entry);
    const linked = linkedSeq && { seq: linkedSeq, offset: LINK_OFFSET };
    this.target = /** @type {Position | null} */ (saved || linked || sessionStore.read(KIND, key));
    this.entering = { key, entry };
  }

  /** The message that must be loaded to restore the position. */
  get targetSeq() {
    return this.target?.seq ?? null;
  }

  restore() {
    const node = this.target?.seq && document.getElementById(`message-${this.target.seq}`);
    if (node && this.target) {
      this.isFollowing = false;
      const edge = this.box.getBoundingClientRect().top;
      this.box.scrollTop += node.getBoundingClientRect().top - edge - this.target.offset;
    }
    for (const linked of this.content.querySelectorAll('.linked')) linked.classList.remove('linked');
    if (this.linkedSeq) document.getElementById(`message-${this.linkedSeq}`)?.classList.add('linked');
    this.finishEntering();
    this.handleResize();
  }

  finishEntering() {
    this.target = null;
    Object.assign(this, this.entering);
  }
}
