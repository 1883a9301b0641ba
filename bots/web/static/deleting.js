// Deleting with a way back: a conversation goes when the word about it does. Whoever opens it again before, or writes in
// it in another window, wants it kept.

import { toast } from './dialogs.js';

export class Deleting {
  // `acts`: { hide(id, hidden), back(id), remove(id) }
  constructor(acts) {
    this.acts = acts;
    this.id = null;
  }

  begin(id) {
    this.acts.hide(id, true);
    this.instead = toast('Conversation deleted', {
      undo: () => {
        this.end();
        this.acts.back(id);
      },
      done: () => {
        this.id = null;
        this.acts.remove(id);
      },
    });
    this.id = id;
  }

  // Keeps a conversation that is about to be deleted.
  spare(id) {
    if (!id || id !== this.id) return;
    this.end();
    this.instead(() => toast('The conversation is kept'));
  }

  end() {
    this.acts.hide(this.id, false);
    this.id = null;
  }
}
