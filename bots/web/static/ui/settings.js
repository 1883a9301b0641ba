// The settings dialog. The theme is stored in this browser. The other settings apply to all conversations on every
// device, from the next reply. Each change is saved at once.

import { api } from '../net/api.js';
import { switchIdentity } from '../net/identity.js';
import { storage } from '../state/storage.js';
import { findDialog } from './dialogs.js';
import { copyText, el, errorMessage, find, setText, setVisible } from './dom.js';

/** @import { SettingName, SettingsView, SettingValues } from '../net/types.js' */

/** @type {SettingName[]} */
const NAMES = ['persona', 'model', 'burst'];
const LOOPBACK = /^(127\..*|localhost|\[::1\])$/;

/** @param {SettingName | 'theme'} name a select or an input */
const field = (name) => find(`set-${name}`, HTMLInputElement);

export class SettingsDialog {
  /** @param {(effective: SettingValues) => void} onChange called with the settings in force after a change */
  constructor(onChange) {
    this.onChange = onChange;
    /** @type {SettingValues} The user's own settings, as shown last. */
    this.own = {};
    this.dialog = findDialog('settings-dialog');
    find('settings').addEventListener('click', () => this.open());
    field('theme').addEventListener('change', () => {
      storage.write('theme', 'all', field('theme').value);
      window.theme.apply();
    });
    for (const name of NAMES) field(name).addEventListener('change', () => this.change(name));
    find('invite').addEventListener('click', () => this.invite());
    find('restore-identity').addEventListener('click', () => this.restoreIdentity());
    find('invitation-copy').addEventListener('click', () => this.copyInvitation());
  }

  async open() {
    field('theme').value = window.theme.chosen;
    setVisible(find('invitation'), false);
    this.dialog.showModal();
    await this.attempt('', async () => this.show(await api.settings()));
  }

  /** @param {SettingName} name */
  async change(name) {
    const value = field(name).value.trim();
    await this.attempt('Saved. Applies from the next reply.', async () => {
      const view = await api.changeSettings(value ? { set: { [name]: value } } : { unset: [name] });
      this.show(view);
      this.onChange(view.effective);
    });
  }

  /** @param {SettingsView} view */
  show({ own, effective, personas, models }) {
    const options = personas.map((name) => el('option', { value: name, text: name }));
    field('persona').replaceChildren(el('option', { value: '', text: 'Default' }), ...options);
    setVisible(find('persona-field'), personas.length > 0);
    setVisible(find('model-field'), models);
    field('model').placeholder = effective.model || 'Default';
    for (const name of NAMES) {
      // A response that comes late must not overwrite what is being typed.
      const isTyping = field(name) === document.activeElement && field(name).value !== (this.own[name] ?? '');
      if (!isTyping) field(name).value = own[name] ?? '';
    }
    this.own = own;
  }

  async invite() {
    await this.attempt('', async () => {
      const { token } = await api.invite();
      const link = find('invitation-link', HTMLInputElement);
      link.value = `${location.origin}/join#${token}`;
      setText(find('invitation-copy'), 'Copy');
      setVisible(find('invitation-loopback'), LOOPBACK.test(location.hostname));
      setVisible(find('invitation'), true);
      link.select();
    });
  }

  async copyInvitation() {
    await this.attempt('', async () => {
      await copyText(find('invitation-link', HTMLInputElement).value);
      setText(find('invitation-copy'), 'Copied');
    });
  }

  async restoreIdentity() {
    await this.attempt('', async () => {
      await api.restoreIdentity();
      switchIdentity();
    });
  }

  /**
   * Run `act` and show its error, or `success`.
   * @param {string} success
   * @param {() => Promise<void>} act
   */
  async attempt(success, act) {
    const note = find('settings-note');
    try {
      await act();
      setText(note, success);
    } catch (error) {
      setText(note, errorMessage(error));
    }
  }
}
