// What is being written in a conversation, text or files, kept until it is sent. There is one draft, the same in all
// windows of the browser: what is typed in one shows in the others. Where two wrote at the very same moment, neither
// takes the other's words: the one that heard of it later keeps its own (`apart`) until they are sent, or the window
// goes elsewhere; then they stand below the others'. A new conversation has no address: its draft is the window's alone.

import { remembered, stored } from './stored.js';

const shelf = (key) => (key === 'new' ? remembered : stored);
const alike = (one, other) => JSON.stringify(one) === JSON.stringify(other);

export class Draft {
  // `box`: { empty, get(), set(value), join(theirs, mine) }: what stands in the message box
  constructor(kind, box) {
    Object.assign(this, { kind, box, key: null, apart: false });
    stored.heard(kind, (key, before, after) => key === this.key && this.heard(before ?? box.empty, after ?? box.empty));
    window.addEventListener('pagehide', () => this.join());
  }

  get lying() {
    return this.of(this.key);
  }

  of(key) {
    return shelf(key).read(this.kind, key) ?? this.box.empty;
  }

  enter(key) {
    this.join();
    this.key = key;
    this.box.set(this.lying);
  }

  // Says whether there was room for it. `key` and `value`: of files that were read for a conversation that was left.
  keep(key = this.key, value = this.box.get()) {
    if (key !== this.key || !this.apart) return shelf(key).write(this.kind, key, value);
    if (alike(value, this.box.empty)) { // sent: what was written elsewhere comes to its right
      this.apart = false;
      this.box.set(this.lying);
    }
    return true;
  }

  heard(before, after) {
    const here = this.box.get();
    if (!this.apart && alike(here, before)) this.box.set(after);
    else this.apart = !alike(here, after);
  }

  join() {
    if (!this.apart) return;
    this.apart = false;
    shelf(this.key).write(this.kind, this.key, this.box.join(this.lying, this.box.get()));
  }
}
