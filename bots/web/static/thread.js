// The messages of a conversation as elements. Each item keeps its element from "sending" to "answered".

import { copied } from './dialogs.js';
import { clock, dayNames, dayOf, el, icon, same, say, sentence, show } from './dom.js';
import { showFiles } from './files.js';
import { Fold } from './fold.js';
import { update } from './rendering.js';
import { EditBox, Switch } from './versions.js';

const SHORTENED = 'Your message was longer than this model can read: its middle was left out.';
const ORDINALS = ['', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth', 'ninth', 'tenth'];

export class Thread {
  // `acts`: { retry(item), goOn(item), withdraw(item), resend(), discard(item), change(item, text, files),
  //           closed(), show(seq, words), tell(line) }
  constructor(list, acts) {
    this.list = list;
    this.acts = acts;
    this.views = new Map(); // by key
    this.owner = null;
    document.addEventListener('library', () => {
      for (const view of this.views.values()) view.redraw?.();
    });
  }

  render(conversation) {
    if (this.owner !== conversation.id) {
      this.list.replaceChildren();
      this.views.clear();
      this.owner = conversation.id;
    }
    const items = conversation.items();
    const seen = new Set(items.map((one) => one.key));
    const writes = this.list.contains(document.activeElement) ? document.activeElement : null;
    // What goes, goes first: the elements that stay are not moved then, which would take the focus from them. Where
    // somebody changes their words, the box stays, whatever becomes of the message: it gives way when it is closed.
    const boxes = new Map();
    for (const [key, view] of this.views) {
      if (seen.has(key)) continue;
      if (view.box) boxes.set(view.node, key);
      else this.remove(key);
    }
    const past = (node) => (boxes.has(node) ? past(node.nextSibling) : node);
    let next = past(this.list.firstChild);
    let day = '';
    const days = dayNames();
    for (const item of items) {
      const view = this.views.get(item.key) || this.adopted(item, boxes) || this.made(item);
      if (!same(view.item, item)) view.update(item);
      if (item.kind === 'person' && item.data.at) {
        const its = days(item.data.at);
        view.startsDay(its === day ? '' : its);
        day = its;
      }
      if (view.node === next) next = past(next.nextSibling);
      else this.list.insertBefore(view.node, next);
    }
    if (writes?.isConnected && document.activeElement !== writes) writes.focus({ preventScroll: true });
  }

  made(item) {
    const view = item.kind === 'person' ? new PersonView(item, this.acts) : new ReplyView(item, this.acts);
    this.views.set(item.key, view);
    return view;
  }

  // The box of another version of the same question, which was changed in another window meanwhile.
  adopted(item, boxes) {
    for (const [node, key] of boxes) {
      const view = this.views.get(key);
      if (!item.question?.versions.includes(view.item.question?.seq)) continue;
      boxes.delete(node);
      this.views.delete(key);
      this.views.set(item.key, view);
      return view;
    }
    return null;
  }

  remove(key) {
    this.views.get(key).node.remove();
    this.views.delete(key);
  }

  // Opens the box of a question with words that were to replace it; says whether it is in sight and can be changed.
  reopen(seq, words) {
    for (const view of this.views.values()) {
      if (view.item.question?.seq !== seq || !view.item.changeable) continue;
      view.openBox(words);
      return true;
    }
    return false;
  }

  // Words that change by themselves, like the seconds until the next try.
  tick() {
    for (const view of this.views.values()) view.tick?.();
  }
}

class View {
  startsDay(label) {
    if (this.day === label) return;
    this.day = label;
    if (label) this.node.dataset.day = label;
    else delete this.node.dataset.day;
  }

  button(label, symbol, act) {
    return el('button', { type: 'button', class: 'act', onclick: act }, icon(symbol), el('span', { text: label }));
  }

  // A button that is its symbol alone.
  sign(label, symbol, act) {
    return el('button', { type: 'button', class: 'act', 'aria-label': label, title: label, onclick: act }, icon(symbol));
  }

  // Where this message is, for another window or another day.
  link(acts) {
    return this.sign('Link to this message', 'link', () => {
      const address = `${location.origin}${location.pathname}#message-${this.item.data.seq}`;
      return copied(address, () => acts.tell('Link copied'));
    });
  }
}

class PersonView extends View {
  constructor(item, acts) {
    super();
    this.acts = acts;
    this.text = el('div', { class: 'text', dir: 'auto' });
    this.fold = new Fold(this.text);
    this.files = el('ul', { class: 'files', hidden: true });
    this.note = el('span', { class: 'note' });
    this.withdraw = this.button('Take back', 'undo', () => acts.withdraw(this.item));
    this.resend = this.button('Try again', 'again', () => acts.resend());
    this.edit = this.button('Edit', 'edit', () => acts.discard(this.item));
    this.versions = new Switch(acts.show);
    this.foot = el('div', { class: 'foot' }, this.versions.node, this.note, this.withdraw, this.resend, this.edit);
    this.bubble = el('div', { class: 'bubble' }, this.text, this.fold.button, this.files);
    this.copy = this.sign('Copy', 'copy', () => copied(this.item.data.text, () => acts.tell('Copied')));
    this.change = this.sign('Edit', 'edit', () => this.openBox());
    this.address = this.link(acts);
    this.line = el('div', { class: 'line' }, this.address, this.copy, this.change, this.bubble);
    this.node = el('li', { class: 'message person' }, el('span', { class: 'unseen', text: 'You said:' }), this.line, this.foot);
  }

  // The bubble becomes a message box with the same words, or with `other` ones that were meant for their place.
  openBox(other) {
    const { item } = this;
    if (this.box) {
      this.box.add(other);
      return;
    }
    if (!item.changeable) {
      this.acts.tell('This message is too far back to be changed: copy it, and send it as a new one.');
      return;
    }
    const back = () => {
      this.box.node.replaceWith(this.line);
      this.box = null;
    };
    this.box = new EditBox(item.question, `${item.question.seq}:${item.data.id}`, other, {
      send: (text, files) => {
        back();
        this.acts.change(item, text, files);
      },
      cancel: () => {
        back();
        this.change.focus();
        this.acts.closed();
      },
    });
    this.line.replaceWith(this.box.node);
    this.box.focus();
  }

  update(item) {
    const { data } = item;
    if (this.item?.data !== data) {
      say(this.text, data.text ?? data.message ?? '');
      this.fold.update();
      show(this.text, Boolean(this.text.textContent));
      showFiles(this.files, data.attachments || []);
      if (data.at) this.bubble.title = `${dayOf(new Date(data.at))}, ${clock(new Date(data.at))}`;
      if (data.seq) this.node.id = `message-${data.seq}`;
    }
    this.item = item;
    this.node.dataset.status = item.status;
    this.node.dataset.key = item.key;
    const words = this.words(item);
    say(this.note, words);
    show(this.withdraw, item.status === 'waiting');
    show(this.resend, item.status === 'unsent');
    show(this.edit, item.status === 'unsent');
    show(this.copy, Boolean(data.seq && data.text));
    show(this.address, Boolean(data.seq) && item.status !== 'running');
    show(this.change, Boolean(item.question));
    const versions = item.question?.versions || [];
    this.versions.update(versions, item.question?.seq, item.busy);
    show(this.foot, Boolean(words) || versions.length > 1);
  }

  words({ status, place, behind, data, error }) {
    switch (status) {
      case 'sending': return 'Sending…';
      case 'unsent': return data.refused ? `Not sent. ${sentence(error)}` : `Not sent yet. ${sentence(error)} Trying again…`;
      case 'withdrawn': return 'Taken back';
      case 'waiting': {
        if (!behind && !place) return 'Received';
        return place ? `Waiting, ${ORDINALS[place] || `${place + 1}th`} in line` : 'Waiting, next in line';
      }
      default: return '';
    }
  }
}

class ReplyView extends View {
  constructor(item, acts) {
    super();
    this.body = el('div', { class: 'body' });
    this.error = el('p', { class: 'error' });
    this.note = el('span', { class: 'note' });
    this.copy = this.button('Copy', 'copy', () => copied(this.item.data.text, () => {
      say(this.copy.lastChild, 'Copied');
      setTimeout(() => say(this.copy.lastChild, 'Copy'), 1500);
    }));
    this.again = this.button('Try again', 'again', () => this.once(this.again, acts.retry));
    this.goOn = this.button('Continue', 'on', () => this.once(this.goOn, acts.goOn));
    this.versions = new Switch(acts.show);
    this.address = this.link(acts);
    const { note, versions, copy, address, goOn, again } = this;
    this.foot = el('div', { class: 'foot' }, note, versions.node, copy, address, goOn, again);
    this.node = el('li', { class: 'message reply' }, el('span', { class: 'unseen', text: 'The reply:' }), this.body, this.error, this.foot);
  }

  // A button that was pressed rests until the page says how it stands, or that nothing has come of it.
  async once(button, act) {
    button.disabled = true;
    if (!await act(this.item)) button.disabled = false;
  }

  update(item) {
    const before = this.item;
    this.item = item;
    const { data, status, vain } = item;
    const error = vain ? `Answering anew did not work. ${sentence(vain.error || '')}`.trim() : (data.error && sentence(data.error)) || (data.shortened && SHORTENED);
    if (before?.data.text !== data.text) update(this.body, data.text);
    show(this.body, Boolean(data.text));
    say(this.error, error || '');
    show(this.error, Boolean(error));
    if (Number.isInteger(data.seq)) this.node.id = `message-${data.seq}`;
    this.node.dataset.status = status;
    this.node.dataset.key = item.key;
    this.node.classList.toggle('last', Boolean(item.last));
    this.node.setAttribute('aria-busy', String(status === 'running'));
    show(this.copy, status !== 'running' && Boolean(data.text));
    show(this.address, status !== 'running' && Number.isInteger(data.seq));
    show(this.again, Boolean(item.last));
    show(this.goOn, Boolean(item.last && data.text && (['stopped', 'failed'].includes(status) || data.cut === 'length')));
    this.versions.update(data.versions || [], data.seq, item.busy);
    if (!before || before.data !== data || before.vain !== vain) this.again.disabled = this.goOn.disabled = false;
    say(this.again.lastChild, status === 'answered' && !vain ? 'Answer anew' : 'Try again');
    this.tick();
  }

  // A library has come: for code, for formulas, or for everything that stands as it was written.
  redraw() {
    const plain = this.body.firstChild?.nodeType === Node.TEXT_NODE;
    if (plain || this.body.querySelector('code[class], .formula')) update(this.body, this.item.data.text);
  }

  tick() {
    say(this.note, this.words(this.item));
  }

  words({ status, retry, stopping, service, data }) {
    if (status === 'running') {
      if (service === 'away') return 'The chat service does not answer at the moment. The reply goes on by itself when it does.';
      if (stopping) return 'Stopping…';
      if (retry) {
        const seconds = Math.ceil((retry.until - Date.now()) / 1000);
        return seconds > 0 ? `${sentence(retry.why || 'The model is busy')} Trying again in ${seconds} s…` : 'Trying again…';
      }
      if (service === 'back') return 'The chat service is there again. The reply goes on in a moment…';
      return data.text ? 'Writing…' : 'Waiting for the model…';
    }
    if (status === 'stopped') return data.text ? 'Stopped here' : 'Stopped before it began';
    if (status === 'failed' && !data.error) return 'This did not work';
    if (data.cut) return data.cut === 'length' ? 'Cut off here, at the model’s limit' : 'Cut off here, by the provider’s filter';
    return data.seconds && data.model ? `${data.model} · ${data.seconds.toFixed(1)} s` : '';
  }
}
