// Loads what the user scrolls to: pages above and below, the end, and the position to restore.

import { endOfNextPage, fetchAround, fetchNewer, fetchOlder } from '../state/history-pages.js';
import { find } from './dom.js';
import { Scroller } from './scroller.js';

/**
 * @import { Conversation } from '../state/conversation.js'
 * @import { PageResult } from '../state/history-pages.js'
 * @import { Thread } from './thread.js'
 */

const RETRY_MS = 2000;

export class HistoryLoader {
  /**
   * @param {Thread} thread
   * @param {() => Conversation} current the conversation that is shown
   * @param {() => void} draw
   */
  constructor(thread, current, draw) {
    this.thread = thread;
    this.current = current;
    this.draw = draw;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.updateTimer = undefined;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.restoreTimer = undefined;
    this.scroller = new Scroller(find('scroll'), find('thread'), find('latest'), {
      loadOlder: () => this.loadOlder(),
      loadNewer: () => this.loadNewer(),
      showLatest: () => this.showLatest(),
    });
  }

  async loadOlder() {
    const conversation = this.current();
    if (conversation.isEntering || this.scroller.targetSeq) return;
    const result = await fetchOlder(conversation);
    if (!result) return;
    const { before, page } = result;
    if (page && before === conversation.nextBefore) {
      conversation.addOlderPage(page);
      if (!this.scroller.isFollowing) conversation.trimBelow();
      this.render(conversation);
    }
    this.updateLater(result);
  }

  async loadNewer() {
    const conversation = this.current();
    const result = await fetchNewer(conversation);
    if (!result) return;
    const { before, page } = result;
    if (page && before === endOfNextPage(conversation)) {
      conversation.addNewerPage(page, before);
      conversation.trimAbove();
      this.render(conversation);
    }
    this.updateLater(result);
  }

  // A user at the edge cannot scroll any further, so no scroll event would load the next page.
  /** @param {PageResult} result */
  updateLater({ page }) {
    clearTimeout(this.updateTimer);
    this.updateTimer = setTimeout(() => this.scroller.update(), page ? 0 : RETRY_MS);
  }

  /** @param {Conversation} conversation */
  render(conversation) {
    if (conversation !== this.current()) return;
    this.scroller.keepPosition(() => this.thread.render(conversation));
    this.scroller.hasMoreBelow = Boolean(conversation.gap);
    this.draw();
  }

  showLatest() {
    this.current().closeGap();
    this.draw();
    this.scroller.scrollToEnd();
  }

  /** Scroll to the saved position, or to the message that the address links to. It is loaded first if it must be. */
  async restorePosition() {
    const conversation = this.current();
    conversation.isEntering = false;
    const seq = this.scroller.targetSeq;
    if (!seq || (conversation.gap && seq >= conversation.gap.high)) conversation.closeGap();
    if (seq && !conversation.messages.has(seq)) {
      const result = await fetchAround(conversation, seq);
      if (conversation !== this.current() || this.scroller.targetSeq !== seq) return; // the user went elsewhere
      conversation.loadError = result?.page ? null : 'That message could not be loaded. Trying again…';
      if (!result?.page) {
        this.restoreLater(conversation, seq);
        this.draw();
        return;
      }
      conversation.showDistantPage(result.page);
    }
    if (conversation !== this.current()) return;
    this.thread.render(conversation);
    this.scroller.hasMoreBelow = Boolean(conversation.gap);
    this.scroller.restore();
    if (seq) this.draw(); // removes the load error
  }

  // Uses a timer of its own: a page loaded by scrolling must not cancel it.
  /** @param {Conversation} conversation @param {number} seq */
  restoreLater(conversation, seq) {
    clearTimeout(this.restoreTimer);
    this.restoreTimer = setTimeout(() => {
      if (this.current() === conversation && this.scroller.targetSeq === seq) this.restorePosition();
    }, RETRY_MS);
  }
}
