// The entry point of the page: starts the app and connects it to the page's buttons and keys.

import { onIdentitySwitch, reloadAfterSwitch } from './net/identity.js';
import { listenForEvents } from './net/live-events.js';
import { App } from './ui/app.js';
import { isDialogOpen } from './ui/dialogs.js';
import { el, find, isComposing } from './ui/dom.js';
import { listenForExports } from './ui/export.js';
import { addressedConversation } from './ui/navigation.js';
import { Search } from './ui/search.js';
import { SettingsDialog } from './ui/settings.js';
import { listenForShortcuts } from './ui/shortcuts.js';

const EXAMPLES = [
  'Explain recursion with a story',
  'Draft a friendly note that moves a meeting to Friday',
  'What should I know before I plant tomatoes?',
];
const UPDATE_MS = 500;

const app = new App();
const search = new Search((id, seq) => {
  app.sidebar.setOpen(false);
  app.open(id, seq);
});
new SettingsDialog((inForce) => app.sidebar.showModel(inForce.model));
listenForShortcuts({
  newConversation: () => app.openNew(),
  search: () => {
    if (matchMedia('(max-width: 52rem)').matches) app.sidebar.setOpen(true);
    search.focus();
  },
});
listenForExports(
  () => app.current,
  (act) => app.attempt(act),
);
find('new').addEventListener('click', () => app.openNew());
find('rename').addEventListener('click', () => app.rename());
find('delete').addEventListener('click', () => app.startDeletion());
find('latest').addEventListener('click', () => app.focusComposer()); // the button disappears, and the focus with it
const examples = EXAMPLES.map((text) =>
  el('button', { type: 'button', text, onclick: () => app.composer.restore(text, []) }),
);
find('examples').append(...examples);
window.addEventListener('popstate', () => app.enter(addressedConversation()));
document.addEventListener('visibilitychange', () => app.handleVisibilityChange());
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || isComposing(event) || isDialogOpen()) return;
  if (app.sidebar.isOpen) app.sidebar.setOpen(false);
  else app.stop();
});
setInterval(() => app.thread.updateTimes(), UPDATE_MS);

onIdentitySwitch(reloadAfterSwitch);
app.enter(addressedConversation());
performance.mark('usable'); // from here on the user can write
listenForEvents(
  (event) => app.handleEvent(event),
  (isOnline) => app.store.setOnline(isOnline),
);
app.sidebar.fetch().catch(() => app.sidebar.refresh());
app.fetchMe();
