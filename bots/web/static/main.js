// Puts the page together: what the person does goes to the desk, what the desk learns is shown.

import { api } from './api.js';
import { Composer } from './composer.js';
import { Desk } from './desk.js';
import { askLine, toast } from './dialogs.js';
import { el, find, say, show } from './dom.js';
import { listen } from './live.js';
import { Scroller } from './scroller.js';
import { Sidebar } from './sidebar.js';
import { Thread } from './thread.js';

const EXAMPLES = [
  'Explain recursion with a story',
  'Draft a friendly note that moves a meeting to Friday',
  'What should I know before I plant tomatoes?',
];
const OFFLINE_MS = 800; // a reload of the server's is not worth a word

let shown = null;
let drawing = false;

const desk = new Desk({ changed, listed: () => sidebar.refresh(), finished, online });
const sidebar = new Sidebar((id) => go(id));
const composer = new Composer({ send, stop });
const thread = new Thread(find('thread'), {
  retry: (item) => {
    focusBox(); // the button is about to go, and would take the focus with it
    return attempt(() => desk.regenerate(shown, item));
  },
  withdraw: (item) => attempt(async () => {
    await desk.withdraw(shown, item.data.id);
    composer.restore(item.data.message, item.data.attachments || []);
  }),
  resend: () => desk.resend(shown),
  discard: (item) => {
    const gone = desk.discard(shown, item.data.id);
    if (gone) composer.restore(gone.message, gone.attachments);
  },
});
const scroller = new Scroller(find('scroll'), find('thread'), find('latest'), loadOlder);

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
  thread.render(shown);
  const title = shown.title || sidebar.titleOf(shown.id) || 'New conversation';
  say(find('title'), title);
  document.title = shown.fresh ? 'Threadwell' : `${title} · Threadwell`;
  show(find('rename'), !shown.fresh);
  show(find('delete'), !shown.fresh);
  show(find('empty'), shown.loaded && shown.empty);
  show(find('loading'), !shown.loaded);
  say(find('loading'), shown.trouble || 'Loading…');
  composer.running(Boolean(running) && !shown.stopping);
  showTrouble();
  announce(running);
  if (shown.loaded && shown.arriving) arrive();
  else scroller.settle();
}

function showTrouble() {
  const trouble = desk.online === false ? 'Offline: reconnecting…' : shown.loaded && shown.trouble;
  clearTimeout(showTrouble.timer);
  if (!trouble) say(find('link'), '');
  else showTrouble.timer = setTimeout(() => say(find('link'), trouble), OFFLINE_MS);
}

function announce(running) {
  const spoken = `${shown.id} ${running?.turn ?? ''}`;
  if (announce.last === spoken) return;
  const before = announce.last?.split(' ');
  announce.last = spoken;
  if (running) say(find('announcer'), 'The reply begins.');
  else if (before?.[0] === shown.id && before[1]) say(find('announcer'), 'The reply is complete.');
}

async function loadOlder() {
  const conversation = shown;
  if (!conversation || conversation.arriving) return;
  const page = await desk.older(conversation);
  if (!page) return;
  conversation.takeOlder(page);
  if (conversation === shown) scroller.hold(() => thread.render(conversation));
}

// Goes to where the reader was, which may lie in messages that were not loaded yet.
async function arrive() {
  const conversation = shown;
  conversation.arriving = false;
  const { wanted } = scroller;
  while (wanted && conversation.nextBefore > wanted && conversation === shown) {
    const page = await desk.older(conversation);
    if (!page) break;
    conversation.takeOlder(page);
  }
  if (conversation !== shown) return;
  thread.render(conversation);
  scroller.arrive();
}

// --- where we are -------------------------------------------------------------------------------------------
function enter(id) {
  shown = id ? desk.open(id) : desk.fresh();
  shown.arriving = true;
  scroller.enter(shown.id);
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

function go(id) {
  if (id === addressed() && id) return;
  history.pushState(null, '', id ? `/c/${id}` : '/');
  enter(id);
}

// --- what the person does -----------------------------------------------------------------------------------
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    toast(error.message);
  }
}

function send(text, files) {
  if (shown.fresh) {
    history.pushState(null, '', `/c/${shown.id}`);
    composer.key = shown.id;
    sidebar.current = shown.id;
  }
  desk.send(shown, text, files);
  draw();
  scroller.toEnd();
}

function stop() {
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
  sidebar.hide(id, true);
  go(null);
  toast('Conversation deleted', {
    undo: () => {
      sidebar.hide(id, false);
      go(id);
    },
    done: () => attempt(async () => {
      await api.remove(id);
      desk.forget(id);
    }),
  });
}

function finished(id) {
  if (id !== shown?.id || document.hidden) sidebar.finished(id);
}

function online() {
  if (shown) draw();
}

// --- beginning ----------------------------------------------------------------------------------------------
find('new').addEventListener('click', () => {
  sidebar.slide(false);
  go(null);
});
find('rename').addEventListener('click', rename);
find('delete').addEventListener('click', remove);
find('examples').append(...EXAMPLES.map((text) => el('button', { type: 'button', text, onclick: () => composer.restore(text, []) })));
window.addEventListener('popstate', () => enter(addressed()));
document.addEventListener('visibilitychange', () => {
  if (document.hidden || !shown) return;
  sidebar.read(shown.id);
  sidebar.render();
});
document.addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || event.isComposing || find('ask').open) return;
  if (document.body.classList.contains('listing')) sidebar.slide(false);
  else stop();
});
setInterval(() => thread.tick(), 500);

enter(addressed());
listen((event) => desk.hear(event), (state) => desk.heardFrom(state));
sidebar.fetch().catch(() => sidebar.refresh());
api.me().then((me) => {
  sidebar.model(me);
  composer.limits = me.limits;
  composer.images = me.images;
}).catch(() => {});
