// A person's settings. The theme stays in this browser; the rest holds in all conversations, on every device, from the
// next reply on. Each change takes effect when it is made.

import { becomeAnother } from './another.js';
import { api } from './api.js';
import { copyText, el, find, say, show } from './dom.js';
import { panel } from './panels.js';
import { stored } from './stored.js';

const NAMES = ['persona', 'model', 'burst'];
const LOOPBACK = /^(127\..*|localhost|\[::1\])$/;
const field = (name) => find(`set-${name}`);

export class SettingsPanel {
  // `told` is called with what is in force after a change.
  constructor(told) {
    this.told = told;
    this.own = {}; // what the person chose, as it was shown last
    this.dialog = panel('settings-dialog');
    find('settings').addEventListener('click', () => this.open());
    field('theme').addEventListener('change', ({ target }) => {
      stored.write('theme', 'all', target.value);
      window.theme.show();
    });
    for (const name of NAMES) field(name).addEventListener('change', () => this.change(name));
    find('invite').addEventListener('click', () => this.invite());
    find('go-back').addEventListener('click', () => this.telling('', async () => {
      await api.goBack();
      becomeAnother();
    }));
    find('invitation-copy').addEventListener('click', ({ target }) => this.telling('', async () => {
      await copyText(find('invitation-link').value);
      say(target, 'Copied');
    }));
  }

  async open() {
    field('theme').value = window.theme.chosen;
    show(find('invitation'), false);
    this.dialog.showModal();
    await this.telling('', async () => this.show(await api.settings()));
  }

  async change(name) {
    const value = field(name).value.trim();
    await this.telling('Saved; it holds from the next reply on.', async () => {
      const shown = await api.choose(value ? { set: { [name]: value } } : { unset: [name] });
      this.show(shown);
      this.told(shown.in_force);
    });
  }

  show({ own, in_force: inForce, personas, models }) {
    field('persona').replaceChildren(
      el('option', { value: '', text: 'Default' }),
      ...personas.map((name) => el('option', { value: name, text: name })),
    );
    show(find('persona-field'), personas.length > 0);
    show(find('model-field'), models);
    field('model').placeholder = inForce.model || 'Default';
    for (const name of NAMES) {
      const writes = field(name) === document.activeElement && field(name).value !== (this.own[name] ?? '');
      if (!writes) field(name).value = own[name] ?? ''; // what is being typed is not written over by an answer that came late
    }
    this.own = own;
  }

  async invite() {
    await this.telling('', async () => {
      const { token } = await api.invite();
      find('invitation-link').value = `${location.origin}/join#${token}`;
      say(find('invitation-copy'), 'Copy');
      show(find('invitation-here'), LOOPBACK.test(location.hostname));
      show(find('invitation'), true);
      find('invitation-link').select();
    });
  }

  async telling(line, act) {
    const note = find('settings-note');
    try {
      await act();
      say(note, line);
    } catch (error) {
      say(note, error.message);
    }
  }
}
