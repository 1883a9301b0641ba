// Versions of what was said: the ‹2/3› beside a message, and the box in which one's own words are changed.

import { el, say, show } from './dom.js';
import { showFiles } from './files.js';
import { stored } from './stored.js';

const touch = matchMedia('(hover: none) and (pointer: coarse)');

// --- which messages are shown ---------------------------------------------------------------------------------
// The server says what is replaced. An edit on its way is shown in place at once, unless something comes before it.
export function inSight(messages, { running, waiting, outgoing }) {
  const kept = messages.filter((one) => !one.replaced);
  if (running) {
    const after = running.question[0]?.after;
    return after == null ? kept : kept.filter((one) => one.seq <= after || one.turn === running.turn);
  }
  const next = waiting[0] || outgoing[0];
  const old = next?.replaces && kept.find((one) => one.seq === next.replaces);
  return old ? kept.filter((one) => one.turn < old.turn) : kept;
}

// The lines of each question, by turn.
export function linesOf(messages) {
  const lines = new Map();
  for (const one of messages) {
    if (one.role !== 'user') continue;
    if (lines.has(one.turn)) lines.get(one.turn).push(one);
    else lines.set(one.turn, [one]);
  }
  return lines;
}

// The newest version of a turn's reply, shown or not; without a turn, the newest of all.
export function newestReply(messages, turn) {
  const replies = messages.filter((one) => one.role === 'assistant' && (turn === undefined || one.turn === turn));
  return replies.sort((a, b) => a.seq - b.seq).at(-1);
}

// The newer version that failed, where the one that is shown stands on: it was to be answered anew.
export function inVain(messages, reply) {
  const newest = newestReply(messages, reply.turn);
  return newest.seq > reply.seq && newest.status === 'failed' ? newest : null;
}

// Several lines may be one question: it is changed as a whole, at its last line. The same object for the same lines,
// so that a view sees that nothing has changed.
const questions = new WeakMap();
export function asQuestion(lines) {
  const last = lines.at(-1);
  const known = questions.get(last);
  if (known && known.lines.length === lines.length && lines.every((one, place) => one === known.lines[place])) return known;
  const question = {
    lines,
    seq: lines[0].seq,
    text: lines.map((one) => one.text).filter((text) => text.trim()).join('\n\n'),
    attachments: lines.flatMap((one) => one.attachments || []),
    versions: lines[0].versions || [],
  };
  questions.set(last, question);
  return question;
}

// Words of two hands, or of two moments: none is lost.
export const together = (...parts) => parts.filter((part) => part?.trim()).join('\n\n');

// --- the switch -----------------------------------------------------------------------------------------------
export class Switch {
  constructor(choose) {
    this.choose = choose;
    this.before = this.arrow('‹', 'Previous version', -1);
    this.after = this.arrow('›', 'Next version', 1);
    this.place = el('span', { 'aria-hidden': 'true' });
    this.node = el('span', { class: 'versions', role: 'group' }, this.before, this.place, this.after);
  }

  // A button that is at its end stays in the tab order, so that it does not lose the focus under one's fingers.
  arrow(text, label, step) {
    return el('button', { type: 'button', class: 'act', 'aria-label': label, title: label, text, onclick: () => {
      const seq = this.versions[this.at + step];
      if (seq !== undefined && !this.busy) this.choose(seq, `Version ${this.at + step + 1} of ${this.versions.length}`);
    } });
  }

  update(versions, seq, busy) {
    this.versions = versions;
    this.at = versions.indexOf(seq);
    this.busy = busy;
    show(this.node, versions.length > 1);
    say(this.place, `${this.at + 1}/${versions.length}`);
    this.node.setAttribute('aria-label', `Version ${this.at + 1} of ${versions.length}`);
    this.before.setAttribute('aria-disabled', String(busy || this.at <= 0));
    this.after.setAttribute('aria-disabled', String(busy || this.at >= versions.length - 1));
  }
}

// --- changing one's own words ---------------------------------------------------------------------------------
// `draft` names what is kept in the browser until it is sent or given up, whatever happens to the page. `other` is
// { text, attachments } that stood in the place of the question's own and was taken back.
export class EditBox {
  constructor({ text, attachments }, draft, other, { send, cancel }) {
    this.draft = draft;
    this.acts = { send, cancel };
    this.attachments = [...(other || { attachments }).attachments];
    this.text = el('textarea', {
      rows: '1', dir: 'auto', 'aria-label': 'Change your words', oninput: () => this.typed(), onkeydown: (event) => this.pressed(event),
    });
    const kept = stored.read('edit', draft);
    this.text.value = other ? together(other.text, kept) : kept || text;
    if (other) stored.write('edit', draft, this.text.value);
    this.files = el('ul', { class: 'files', 'aria-label': 'Attached files' });
    this.sendButton = el('button', { type: 'button', class: 'primary', text: 'Send', onclick: () => this.submit() });
    const cancelButton = el('button', { type: 'button', class: 'quiet', text: 'Cancel', onclick: () => this.close(cancel) });
    this.node = el('div', { class: 'edit-box', role: 'group', 'aria-label': 'Change your words' },
      this.text, this.files, el('div', { class: 'choices' }, cancelButton, this.sendButton));
    this.node.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || event.isComposing || event.keyCode === 229) return;
      event.stopPropagation(); // it does not stop the reply as well
      this.close(cancel);
    });
    this.review();
  }

  // More words for the same place.
  add({ text, attachments }) {
    this.text.value = together(this.text.value, text);
    this.attachments.push(...attachments);
    this.typed();
    this.focus();
  }

  focus() {
    this.fit();
    this.text.focus();
    this.text.setSelectionRange(this.text.value.length, this.text.value.length);
  }

  typed() {
    stored.write('edit', this.draft, this.text.value);
    this.fit();
    this.review();
  }

  fit() {
    this.text.style.height = 'auto';
    this.text.style.height = `${this.text.scrollHeight}px`;
  }

  review() {
    showFiles(this.files, this.attachments, (place) => {
      this.attachments.splice(place, 1);
      this.review();
      this.text.focus();
    });
    this.sendButton.disabled = !(this.text.value.trim() || this.attachments.length);
  }

  pressed(event) {
    if (event.isComposing || event.keyCode === 229) return; // Enter chooses a word
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey && !touch.matches) {
      event.preventDefault();
      this.submit();
    }
  }

  submit() {
    if (this.sendButton.disabled) return;
    this.close(() => this.acts.send(this.text.value.trim(), this.attachments));
  }

  close(then) {
    stored.write('edit', this.draft, null);
    then();
  }
}
