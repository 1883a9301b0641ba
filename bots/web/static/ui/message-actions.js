// The actions of the buttons of a message.

import { showToast } from './dialogs.js';

/**
 * @import { Inbound } from '../net/types.js'
 * @import { Conversation } from '../state/conversation.js'
 * @import { App } from './app.js'
 * @import { MessageActions } from './thread.js'
 */

/**
 * @param {App} app
 * @returns {MessageActions}
 */
export function messageActions(app) {
  const { store } = app;
  return {
    regenerate: (item) => {
      app.focusComposer(); // the button disappears, and the focus with it
      return app.attempt(() => store.regenerate(app.current, item));
    },
    continueReply: (item) => {
      app.focusComposer();
      return app.attempt(() => store.continueReply(app.current, item));
    },
    withdraw: ({ data }) =>
      app.attempt(async () => {
        const conversation = app.current;
        const message = await store.withdraw(conversation, data.id ?? '');
        if (message) putBack(app, conversation, message);
        else showToast('The reply has already started. Stop it, or edit your message.');
      }),
    resend: () => {
      app.focusComposer();
      store.resend(app.current);
    },
    discard: ({ data }) => {
      const message = store.discard(app.current, data.id ?? '');
      if (message) putBack(app, app.current, message);
    },
    edit: (item, text, files) => {
      app.send(text, files, item.question?.seq);
      app.focusComposer();
    },
    closeEditBox: () => app.draw(),
    chooseVersion: (seq, announcement) =>
      app.attempt(async () => {
        const { scroller } = app.loader;
        scroller.isFollowing = false; // the switch stays under the pointer
        try {
          await store.chooseVersion(app.current, seq);
        } finally {
          app.draw();
          scroller.followIfAtEnd();
        }
        app.announcer.announce(announcement);
      }),
    notify: showToast,
  };
}

/**
 * Put a cancelled message back to where it was written: into the message box, or into the edit box of the question that
 * it was to replace.
 * @param {App} app
 * @param {Conversation} conversation
 * @param {Inbound} cancelled
 */
function putBack(app, conversation, { message, attachments = [], replaces }) {
  const { composer, thread } = app;
  if (conversation !== app.current) {
    composer.restoreTo(conversation.id, message, attachments);
    showToast('Cancelled. The text is in the message box of its conversation.');
    return;
  }
  app.draw();
  if (replaces && thread.openEditBox(replaces, { text: message, attachments })) return;
  composer.restore(message, attachments);
}
