// Data that this browser stores: drafts, unsent messages, scroll positions, the theme. Losing it loses no sent message.

const PREFIX = 'threadwell:';
const THEME = 'theme';

/** @param {string} kind @param {string} id */
const keyOf = (kind, id) => `${PREFIX}${kind}:${id}`;

/** @param {() => string | null} read @returns {unknown} */
function parse(read) {
  try {
    return JSON.parse(read() ?? 'null');
  } catch {
    return null; // storage may be switched off or contain something else
  }
}

/** @param {unknown} value */
const isEmpty = (value) => value === null || value === '' || (Array.isArray(value) && !value.length);

/** JSON values by kind and id. Trap: `storage()` throws where storage is switched off. */
class JsonStore {
  /** @param {() => Storage} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /** @param {string} kind @param {string} id @returns {unknown} null, if there is none */
  read(kind, id) {
    return parse(() => this.storage().getItem(keyOf(kind, id)));
  }

  /**
   * Write a value, or remove an empty one. Return whether there was room.
   * @param {string} kind
   * @param {string} id
   * @param {unknown} value
   */
  write(kind, id, value) {
    try {
      if (isEmpty(value)) this.storage().removeItem(keyOf(kind, id));
      else this.storage().setItem(keyOf(kind, id), JSON.stringify(value));
      return true;
    } catch {
      return false; // full, or switched off
    }
  }

  /** @param {string} kind */
  ids(kind) {
    const prefix = keyOf(kind, '');
    return Object.keys(this.storage()).flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
  }

  /**
   * @param {string} kind
   * @param {(id: string, before: unknown, after: unknown) => void} callback called when another window writes
   */
  onChange(kind, callback) {
    const prefix = keyOf(kind, '');
    window.addEventListener('storage', ({ key, oldValue, newValue }) => {
      if (!key?.startsWith(prefix)) return;
      callback(
        key.slice(prefix.length),
        parse(() => oldValue),
        parse(() => newValue),
      );
    });
  }
}

/** Shared by all windows of this browser. */
export const storage = new JsonStore(() => localStorage);

/** Of this window alone. */
export const sessionStore = new JsonStore(() => sessionStorage);

/** Remove everything that all windows share, except the theme. */
export function clearStored() {
  const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  for (const key of keys) if (!key.startsWith(keyOf(THEME, ''))) localStorage.removeItem(key);
}
