// Puts the page together: what the person does goes to the desk, what the desk learns is shown.

import { beginAnew, whenAnother } from './another.js';
import { api } from './api.js';
import { Composer } from './composer.js';
import { Deleting } from './deleting.js';
import { Desk } from './desk.js';
import { askLine, toast } from './dialogs.js';
import { el, find, newId, say, show } from './dom.js';
import { listenForExports } from './export.js';
import { listen } from './live.js';
import { aPanelIsOpen, listenForShortcuts } from './panels.js';
import { Reader } from './reader.js';
import { Search } from './search.js';
import { SettingsPanel } from './settings.js';
import { Sidebar } from './sidebar.js';
import { Thread } from './thread.js';
import { newestReply } from './versions.js';

const EXAMPLES = [
  'Explain recursion with a story',
  'Draft a friendly note that moves a meeting to Friday',
  'What should I know before I plant tomatoes?',
];
const ENDINGS = { answered: 'The reply is complete.', stopped: 'The reply was stopped.', failed: 'The reply failed.' };
const OFFLINE_MS = 800; // a reload of the server's is not worth a word
const MEET_MS = 3000;

let shown = null;
let drawing = false;

const desk = new Desk({ changed, listed: () => sidebar.refresh(), finished, online, queued: (id) => deleting.spare(id) });
const sidebar = new Sidebar((id) => go(id), () => shown && entitle());
const composer = new Composer({ send, stop });
const thread = new Thread(find('thread'), {
  retry: (item) => {
    focusBox(); // the button is about to go, and would take the focus with it
    return attempt(() => desk.regenerate(shown, item));
  },
  withdraw: (item) => attempt(async () => {
    const conversation = shown;
    const taken = await desk.withdraw(conversation, item.data.id);
    if (taken) takenBack(conversation, taken); // which draws
    else toast('It is being answered already: stop the reply, or change your words');
  }),
  goOn: (item) => {
    focusBox();
    return attempt(() => desk.goOn(shown, item));
  },
  show: (seq, words) => attempt(async () => {
    scroller.follows = false; // what is switched stays under the pointer
    try {
      await desk.show(shown, seq);
    } finally {
      draw();
      scroller.judge();
    }
    spell(words);
  }),
  change: (item, text, files) => {
    shown.leaveFar();
    desk.send(shown, text, files, item.question.seq);
    draw();
    scroller.toEnd();
    focusBox();
  },
  tell: (line) => toast(line),
  resend: () => {
    focusBox();
    desk.resend(shown);
  },
  discard: (item) => {
    const gone = desk.discard(shown, item.data.id);
    if (gone) takenBack(shown, gone);
  },
  closed: () => draw(),
});
const deleting = new Deleting({
  hide: (id, hidden) => sidebar.hide(id, hidden),
  back: (id) => go(id),
  remove: async (id) => {
    try {
      await api.remove(id);
      desk.forget(id);
    } catch (error) {
      sidebar.hide(id, false);
      toast(`The conversation could not be deleted. ${error.message}`);
    }
  },
});
const reader = new Reader(desk, thread, () => shown, draw);
const { scroller } = reader;

// --- showing ------------------------------------------------------------------------------------------------
function changed(conversation) {
  if (conversation !== shown || drawing) return;
  drawing = true;
  // A hidden window draws no frames, and must all the same be right when a script or a reader looks.
  if (document.hidden) setTimeout(draw);
  else requestAnimationFrame(draw);
}

function draw() {
  drawing = false;
  const { running } = shown;
  if (scroller.follows && !shown.gap) shown.trimAbove();
  thread.render(shown);
  entitle();
  for (const name of ['export', 'rename', 'delete']) show(find(name), !shown.fresh && !shown.gone);
  show(find('empty'), shown.loaded && shown.empty && !shown.gone);
  show(find('gone'), shown.loaded && shown.gone);
  show(find('loading'), !shown.loaded);
  say(find('loading'), shown.trouble || 'Loading…');
  scroller.far = Boolean(shown.gap);
  composer.running(Boolean(running) && !shown.stopping);
  showTrouble();
  announce(running);
  if (shown.loaded && shown.arriving) reader.arrive();
  else scroller.settle();
}

// The list may know before the conversation itself how it is called.
function entitle() {
  const title = shown.gone ? 'Deleted conversation' : shown.title || sidebar.titleOf(shown.id) || 'New conversation';
  say(find('title'), title);
  document.title = shown.fresh ? 'Threadwell' : `${title} · Threadwell`;
}

function showTrouble() {
  const trouble = desk.online === false ? 'Offline: reconnecting…' : shown.loaded && shown.trouble;
  clearTimeout(showTrouble.timer);
  if (!trouble) say(find('link'), '');
  else showTrouble.timer = setTimeout(() => say(find('link'), trouble), OFFLINE_MS);
}

function announce(running) {
  const { id, loaded } = shown;
  const messages = [...shown.messages.values()];
  const last = newestReply(messages);
  const reply = Math.ceil(last?.seq ?? 0); // what is only kept until its page comes has the half before its number
  const before = announce.last;
  announce.last = { id, loaded, turn: running?.turn, reply };
  const same = before?.id === id;
  if (same && before.turn === running?.turn && before.reply === reply) return;
  // A reply that failed at once may have begun and ended between two frames: it is told all the same.
  const seen = same && before.turn && before.turn !== running?.turn && newestReply(messages, before.turn);
  const ended = seen || (same && before.loaded && reply > before.reply && last);
  const how = ended ? ENDINGS[ended.status] || '' : '';
  const begins = running && !(same && before.turn === running.turn);
  const words = [how, begins && (how ? 'The next one begins.' : 'The reply begins.')].filter(Boolean);
  if (words.length) spell(words.join(' '));
}

// A screen reader hears a change: the same words once more would be none.
function spell(words) {
  const announcer = find('announcer');
  say(announcer, announcer.textContent === words ? `${words}\u00a0` : words);
}

// --- where we are -------------------------------------------------------------------------------------------
function enter(id) {
  deleting.spare(id);
  shown = id ? desk.open(id) : desk.fresh();
  shown.arriving = true;
  if (!history.state?.entry) history.replaceState({ entry: newId() }, '');
  scroller.enter(shown.id, history.state.entry, linked());
  sidebar.enter(id);
  composer.enter(id || 'new');
  draw();
  focusBox();
}

// Not on touch, where it would open the keyboard over what is to be read.
function focusBox() {
  if (!matchMedia('(pointer: coarse)').matches) find('composer-text').focus();
}

const addressed = () => location.pathname.match(/^\/c\/([A-Za-z0-9_-]{1,64})$/)?.[1] ?? null;

const linked = () => Number(location.hash.match(/^#message-(\d{1,15})$/)?.[1]) || null;

function go(id, seq) {
  if (id === addressed() && id && !seq) return;
  history.pushState({ entry: newId() }, '', id ? `/c/${id}${seq ? `#message-${seq}` : ''}` : '/');
  enter(id);
}

// --- what the person does -----------------------------------------------------------------------------------
// Says whether it worked, and to the person why it did not.
async function attempt(act) {
  try {
    await act();
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

function send(text, files) {
  if (shown.gone) {
    composer.key = 'new'; // what was deleted does not come back
    go(null);
  }
  if (shown.fresh) {
    history.pushState({ entry: newId() }, '', `/c/${shown.id}`);
    composer.key = shown.id;
    sidebar.current = shown.id;
  }
  shown.leaveFar();
  desk.send(shown, text, files);
  draw();
  scroller.toEnd();
}

// To be written anew where it stood: other words for a question leave that in its place again.
function takenBack(conversation, { message, attachments, replaces }) {
  const words = { text: message, attachments: attachments || [] };
  if (conversation !== shown) {
    composer.putBack(conversation.id, message, words.attachments);
    toast('Taken back: it stands in the message box of its conversation');
    return;
  }
  draw();
  if (replaces && thread.reopen(replaces, words)) return;
  composer.restore(message, words.attachments);
}

function stop() {
  if (document.activeElement === find('stop')) focusBox(); // it is about to go
  if (shown.running) attempt(() => desk.stop(shown));
}

async function rename() {
  const conversation = shown;
  const title = await askLine('A name for this conversation', conversation.title || find('title').textContent);
  if (!title) return;
  await attempt(async () => {
    await api.rename(conversation.id, title);
    conversation.title = title;
    changed(conversation);
    sidebar.refresh();
  });
}

function remove() {
  const { id } = shown;
  go(null);
  deleting.begin(id);
}

function finished(id) {
  if (id !== shown?.id || document.hidden) sidebar.finished(id);
}

function online() {
  if (shown) draw();
}

async function meet() {
  try {
    const me = await api.me();
    sidebar.model(me);
    show(find('device-field'), me.devices);
    show(find('before-field'), me.before);
    composer.takes(me.limits, me.images);
  } catch {
    setTimeout(meet, MEET_MS);
  }
}

// --- beginning ----------------------------------------------------------------------------------------------
function fresh() {
  sidebar.slide(false);
  go(null);
}

const search = new Search((id, seq) => {
  sidebar.slide(false);
  go(id, seq);
});
new SettingsPanel((inForce) => sidebar.named(inForce.model));
listenForShortcuts({
  fresh,
  search: () => {
    if (matchMedia('(max-width: 52rem)').matches) sidebar.slide(true);
    search.focus();
  },
});
listenForExports(() => shown, attempt);
find('new').addEventListener('click', fresh);
find('rename').addEventListener('click', rename);
find('delete').addEventListener('click', remove);
find('latest').addEventListener('click', focusBox); // the button goes, and would take the focus with it
find('examples').append(...EXAMPLES.map((text) => el('button', { type: 'button', text, onclick: () => composer.restore(text, []) })));
window.addEventListener('popstate', () => enter(addressed()));
document.addEventListener('visibilitychange', () => {
  if (document.hidden || !shown) return;
  sidebar.read(shown.id);
  sidebar.render();
});
document.addEventListener('keydown', (event) => {
  // keyCode 229: Safari ends a composition before the key that ended it is told.
  if (event.key !== 'Escape' || event.isComposing || event.keyCode === 229 || aPanelIsOpen()) return;
  if (document.body.classList.contains('listing')) sidebar.slide(false);
  else stop();
});
setInterval(() => thread.tick(), 500);

whenAnother(beginAnew);
enter(addressed());
performance.mark('usable'); // from here on one can write
listen((event) => {
  deleting.hear(event);
  desk.hear(event);
}, (state) => desk.heardFrom(state));
sidebar.fetch().catch(() => sidebar.refresh());
meet();
