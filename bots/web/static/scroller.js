// Where the reader is in a conversation. The view follows a reply only while the reader is at the bottom; older
// messages come in above without moving what is being read; the place survives a reload.

import { show } from './dom.js';
import { remembered } from './stored.js';

const NEAR_BOTTOM = 40;
const NEAR_EDGE = 800;
const LINK_OFFSET = 72; // what is linked to stands a little below the edge

export class Scroller {
  // `acts`: { older(), newer(), latest() }, which load what lies above, below, and at the end
  constructor(box, content, latest, acts) {
    this.box = box;
    this.content = content;
    this.latest = latest;
    this.acts = acts;
    this.follows = true;
    this.far = false; // there is more below than is loaded
    this.key = null;
    this.top = 0;
    box.addEventListener('scroll', () => this.scrolled(), { passive: true });
    box.addEventListener('wheel', (event) => this.turned(event), { passive: true });
    box.addEventListener('keydown', (event) => this.pressed(event));
    latest.addEventListener('click', () => acts.latest());
    window.addEventListener('pagehide', () => this.save());
    new ResizeObserver(() => this.settle()).observe(content);
    new ResizeObserver(() => this.settle()).observe(box);
  }

  get distance() {
    return this.box.scrollHeight - this.box.clientHeight - this.box.scrollTop;
  }

  // However little the reader goes up lets go; only who comes down to the end takes hold. A place that the browser
  // moved up because the content became shorter is the end still.
  scrolled() {
    const { top } = this;
    this.top = this.box.scrollTop;
    if (this.top < top) this.follows &&= this.distance < 1;
    else if (this.top > top && this.distance <= NEAR_BOTTOM && !this.far) this.follows = true;
    this.after();
  }

  // Before anything moves: a reply that comes in the same moment would take the turn of the wheel back.
  turned(event) {
    if (event.deltaY < 0 && !event.ctrlKey && this.box.scrollTop > 0) this.follows = false;
  }

  // The browser glides to where the end was when the key went down, and a reply that streams is further by then.
  pressed(event) {
    if (event.key === 'End' && !event.shiftKey && !event.target.closest('textarea, input') && !this.far) this.toEnd();
  }

  // Content or window changed its size.
  settle() {
    if (this.follows) this.box.scrollTop = this.box.scrollHeight;
    this.top = this.box.scrollTop;
    this.after();
  }

  after() {
    show(this.latest, !this.follows && (this.far || this.distance > NEAR_BOTTOM));
    this.remember();
    if (this.box.scrollTop < NEAR_EDGE) this.acts.older();
    if (this.far && this.distance < NEAR_EDGE) this.acts.newer();
  }

  toEnd() {
    if (this.wanted) { // somebody is no longer on the way there
      this.place = null;
      Object.assign(this, this.entering);
    }
    this.follows = true;
    // A glide that the keyboard has begun goes on over a place that is merely set; one of our own ends it, and is itself
    // ended by the place that is set.
    this.box.scrollTo({ top: this.box.scrollHeight, behavior: 'smooth' });
    this.settle();
  }

  // Who stands at the end is taken along again.
  judge() {
    this.follows = this.distance < 1 && !this.far;
    this.after();
  }

  // Runs `change`, which puts messages in above, and keeps what is being read where it is.
  hold(change) {
    const anchor = this.firstSeen();
    const before = anchor?.getBoundingClientRect().top;
    change();
    if (anchor?.isConnected) this.box.scrollTop += anchor.getBoundingClientRect().top - before;
    this.top = this.box.scrollTop;
  }

  firstSeen() {
    const edge = this.box.getBoundingClientRect().top;
    const nodes = this.content.querySelectorAll('.message');
    let low = 0;
    let high = nodes.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (nodes[middle].getBoundingClientRect().bottom > edge) high = middle;
      else low = middle + 1;
    }
    return nodes[low];
  }

  // --- the place, for a reload and for Back ---------------------------------------------------------------
  // It is kept twice: for this entry of the browser's history, and for the conversation, wherever it is opened from.
  remember() {
    clearTimeout(this.saving);
    if (this.key) this.saving = setTimeout(() => this.save(), 100);
  }

  save() {
    clearTimeout(this.saving);
    if (!this.key) return;
    const seen = this.follows ? null : this.firstSeen();
    const offset = seen ? Math.round(seen.getBoundingClientRect().top - this.box.getBoundingClientRect().top) : 0;
    const place = { seq: seen?.id ? Number(seen.id.slice('message-'.length)) : null, offset };
    remembered.write('place', this.key, place.seq ? place : null);
    remembered.write('place', this.entry, place);
  }

  // `linked` is the message that the address names.
  enter(key, entry, linked) {
    this.save();
    this.key = null;
    this.follows = true;
    this.far = false;
    this.linked = linked;
    const link = linked && { seq: linked, offset: LINK_OFFSET };
    this.place = remembered.read('place', entry) || link || remembered.read('place', key);
    this.entering = { key, entry };
  }

  // The message the reader was at, if it has to be loaded first.
  get wanted() {
    return this.place?.seq ?? null;
  }

  arrive() {
    const node = this.place?.seq && document.getElementById(`message-${this.place.seq}`);
    if (node) {
      this.follows = false;
      const edge = this.box.getBoundingClientRect().top;
      this.box.scrollTop += node.getBoundingClientRect().top - edge - this.place.offset;
    }
    for (const one of this.content.querySelectorAll('.marked')) one.classList.remove('marked');
    if (this.linked) document.getElementById(`message-${this.linked}`)?.classList.add('marked');
    this.place = null;
    Object.assign(this, this.entering);
    this.settle();
  }
}
