// Deleting with a way back: a conversation goes when the word about it does. Whoever opens it again before, or does
// something in it in another window (writes, renames, asks for another answer), wants it kept.

import { toast } from './dialogs.js';

const WANTED = ['waiting', 'used'];

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

  hear({ kind, conversation }) {
    if (WANTED.includes(kind)) this.spare(conversation);
  }

  end() {
    this.acts.hide(this.id, false);
    this.id = null;
  }
}
