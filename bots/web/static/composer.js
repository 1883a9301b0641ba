// The message box: text with a draft per conversation, files, sending and stopping.

import { find, say, show } from './dom.js';
import { Draft } from './draft.js';
import { isPicture, readFile, showFiles, sizeOf } from './files.js';
import { together } from './versions.js';

const touch = matchMedia('(hover: none) and (pointer: coarse)');

const NO_ROOM = 'This browser has no room to keep the files: send them before you leave this page.';
export class Composer {
  // `acts`: { send(text, files), stop() }
  constructor(acts) {
    this.acts = acts;
    this.form = find('composer');
    this.text = find('composer-text');
    this.list = find('files');
    this.hint = find('hint');
    this.files = []; // the same list as long as the same message is being written
    this.wrong = ''; // what is said of files that could not be taken
    this.limits = { text: 100_000, attachments: 10, inline: 256 * 1024 };
    this.images = true;
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    this.text.addEventListener('input', () => this.typed());
    this.text.addEventListener('keydown', (event) => this.pressed(event));
    this.text.addEventListener('paste', (event) => this.pasted(event));
    find('stop').addEventListener('click', () => acts.stop());
    find('attach').addEventListener('click', () => find('picker').click());
    find('picker').addEventListener('change', ({ target }) => {
      this.add([...target.files]);
      target.value = '';
    });
    this.takeDrops();
    this.draft = new Draft('draft', {
      empty: '',
      get: () => this.text.value,
      set: (text) => this.replace(text),
      join: (theirs, mine) => together(theirs, mine),
    });
    this.drafts = new Draft('files', {
      empty: [],
      get: () => this.files,
      set: (files) => {
        this.files.splice(0, this.files.length, ...files);
        this.review();
      },
      join: (theirs, mine) => [...theirs, ...mine],
    });
  }

  get key() {
    return this.draft.key;
  }

  // The same message goes on under another address.
  set key(key) {
    this.draft.key = this.drafts.key = key;
  }

  // Shows the draft of a conversation.
  enter(key) {
    if (this.key === key) return;
    this.draft.enter(key);
    this.drafts.join();
    this.files = []; // files that are still read for another conversation do not come here
    this.drafts.enter(key);
    this.wrong = '';
    this.review();
  }

  // The caret stays where it was, or at the end.
  replace(text) {
    const { selectionStart, selectionEnd, value } = this.text;
    this.text.value = text;
    if (document.activeElement === this.text && selectionStart < value.length) this.text.setSelectionRange(selectionStart, selectionEnd);
    this.fit();
    this.review();
  }

  typed() {
    this.draft.keep();
    this.fit();
    this.review();
  }

  fit() {
    this.text.style.height = 'auto';
    this.text.style.height = `${this.text.scrollHeight}px`;
  }

  review() {
    showFiles(this.list, this.files, (place) => {
      this.files.splice(place, 1);
      this.drafts.keep();
      this.review();
      this.text.focus();
    });
    const over = this.text.value.length - this.limits.text;
    const tooLong = over > 0 && `The message is ${over === 1 ? 'one character' : `${over.toLocaleString()} characters`} too long.`;
    const unseen = !this.images && this.files.some(isPicture) && 'This model cannot see pictures; it will only know that there is one.';
    const reads = this.files.reading && (this.files.held ? 'It is sent as soon as the file is read …' : 'Reading the file …');
    say(this.hint, [tooLong, reads, this.wrong, unseen].filter(Boolean).join(' '));
    find('send').disabled = over > 0 || !(this.text.value.trim() || this.files.length || this.files.reading);
  }

  pressed(event) {
    // While an input method composes, Enter chooses a word (keyCode 229: Safari ends composition before keydown).
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey && !touch.matches) {
      event.preventDefault();
      this.submit();
    }
  }

  submit() {
    if (find('send').disabled) return;
    if (this.files.reading) {
      this.files.held = true;
      this.review();
      return;
    }
    const files = this.files.splice(0);
    const text = this.text.value.trim();
    this.wrong = '';
    this.text.value = '';
    this.drafts.keep();
    this.typed();
    this.acts.send(text, files);
    this.text.focus();
  }

  // Puts a message back to be edited; what is being written meanwhile is not lost.
  restore(text, files) {
    this.text.value = together(text, this.text.value);
    this.files.unshift(...files);
    this.files.splice(this.limits.attachments);
    this.drafts.keep();
    this.typed();
    this.text.focus();
  }

  // The same for a conversation that was left meanwhile.
  putBack(key, text, files) {
    this.draft.keep(key, together(text, this.draft.of(key)));
    this.drafts.keep(key, [...files, ...this.drafts.of(key)].slice(0, this.limits.attachments));
  }

  // What is wrong is said of every file, not of the last one alone; the files that are right are taken. While they are
  // read, one may go to another conversation; what is sent meanwhile waits for them.
  async add(given) {
    const { key, files } = this;
    files.reading = (files.reading || 0) + 1;
    this.review();
    const wrong = [];
    for (const [place, file] of given.entries()) {
      if (files.length >= this.limits.attachments) {
        const left = given.length - place;
        wrong.push(`A message takes ${this.limits.attachments} files at most: ${left === 1 ? 'one was' : `${left} were`} left out.`);
        break;
      }
      try {
        const room = this.limits.inline - files.reduce((sum, one) => sum + sizeOf(one), 0);
        files.push(await readFile(file, room));
      } catch (error) {
        wrong.push(error.message);
      }
    }
    files.reading -= 1;
    if (!this.drafts.keep(files === this.files ? this.key : key, files)) wrong.push(NO_ROOM);
    if (files !== this.files) return;
    this.wrong = wrong.join(' ');
    const { held } = files;
    if (!files.reading) files.held = false;
    this.review();
    if (held && !files.reading && !wrong.length) this.submit();
    this.text.focus();
  }

  // Said where files are picked, and while they are held over the page.
  takes(limits, images) {
    Object.assign(this, { limits, images });
    const kilobytes = Math.round(limits.inline / 1024);
    this.rule = `Text files and pictures: ${limits.attachments} at most, ${kilobytes} KB together.`;
    find('attach').title = `Attach files. ${this.rule}`;
    this.review();
  }

  pasted(event) {
    const files = [...event.clipboardData.files];
    // What is copied out of a table or a letter comes as words and, besides, as a picture of them; a file that is
    // copied comes with its name as words.
    const names = new Set(files.map((file) => file.name));
    const lines = event.clipboardData.getData('text/plain').split('\n').map((line) => line.trim()).filter(Boolean);
    if (!files.length || !lines.every((line) => names.has(line))) return;
    event.preventDefault();
    this.add(files);
  }

  takeDrops() {
    const has = (event) => [...event.dataTransfer.types].includes('Files');
    let depth = 0;
    const mark = (change) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle('dropping', depth > 0);
      this.text.placeholder = depth ? this.rule || 'Drop files here' : 'Write a message';
    };
    document.addEventListener('dragenter', (event) => has(event) && mark(1));
    document.addEventListener('dragleave', (event) => has(event) && mark(-1));
    document.addEventListener('dragover', (event) => has(event) && event.preventDefault());
    document.addEventListener('drop', (event) => {
      if (!has(event)) return;
      event.preventDefault();
      mark(-depth);
      this.add([...event.dataTransfer.files]);
    });
  }

  running(isRunning) {
    show(find('stop'), isRunning);
  }
}
