// What reading asks for: pages above and below what is loaded, the end, and the place where somebody was.

import { find } from './dom.js';
import { Scroller } from './scroller.js';

const AGAIN_MS = 2000; // after a page that did not come

export class Reader {
  // `shown` gives the conversation that is read.
  constructor(desk, thread, shown, draw) {
    Object.assign(this, { desk, thread, shown, draw });
    this.scroller = new Scroller(find('scroll'), find('thread'), find('latest'), {
      older: () => this.older(),
      newer: () => this.newer(),
      latest: () => this.latest(),
    });
  }

  async older() {
    const conversation = this.shown();
    if (!conversation || conversation.arriving || this.scroller.wanted) return;
    const page = await this.desk.older(conversation);
    if (!page) return;
    if (!page.failed && page.before === conversation.nextBefore) { // else the reader is elsewhere by now
      conversation.takeOlder(page);
      if (!this.scroller.follows) conversation.trimBelow();
      this.hold(conversation);
    }
    this.lookAgain(page);
  }

  async newer() {
    const conversation = this.shown();
    const page = await this.desk.newer(conversation);
    if (!page) return;
    if (!page.failed && page.before === this.desk.below(conversation)) {
      conversation.takeNewer(page, page.before);
      conversation.trimAbove();
      this.hold(conversation);
    }
    this.lookAgain(page);
  }

  // Who reached the edge while a page was on its way cannot scroll any further, and so nothing would ask for the next.
  lookAgain(page) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.scroller.after(), page.failed ? AGAIN_MS : 0);
  }

  // What is being read stays where it is.
  hold(conversation) {
    if (conversation !== this.shown()) return;
    this.scroller.hold(() => this.thread.render(conversation));
    this.scroller.far = Boolean(conversation.gap);
    this.draw();
  }

  latest() {
    this.shown().leaveFar();
    this.draw();
    this.scroller.toEnd();
  }

  // Goes to where the reader was, or where the address points, which may lie in messages that were not loaded yet.
  async arrive() {
    const conversation = this.shown();
    conversation.arriving = false;
    const { wanted } = this.scroller;
    if (!wanted || wanted >= conversation.gap?.high) conversation.leaveFar();
    if (wanted && !conversation.messages.has(wanted)) {
      const page = await this.desk.around(conversation, wanted);
      if (conversation !== this.shown() || this.scroller.wanted !== wanted) return; // gone on meanwhile
      conversation.trouble = page.failed ? 'That message cannot be loaded yet: trying again…' : null;
      if (page.failed) {
        clearTimeout(this.finding); // its own: a page that scrolling asked for must not end it
        this.finding = setTimeout(() => this.shown() === conversation && this.scroller.wanted === wanted && this.arrive(), AGAIN_MS);
        this.draw();
        return;
      }
      conversation.takeAround(page);
    }
    if (conversation !== this.shown()) return;
    this.thread.render(conversation);
    this.scroller.far = Boolean(conversation.gap);
    this.scroller.arrive();
    if (wanted) this.draw(); // it may have been said that it cannot be loaded
  }
}
