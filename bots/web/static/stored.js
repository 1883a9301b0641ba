// What this browser keeps for itself: drafts, what is on its way out, places, the theme. Losing it loses no message.

const name = (kind, id) => `threadwell:${kind}:${id}`;

function parsed(read) {
  try {
    return JSON.parse(read());
  } catch {
    return null; // storage may be switched off or hold something else
  }
}

const readFrom = (storage, kind, id) => parsed(() => storage.getItem(name(kind, id)));

function writeTo(storage, kind, id, value) {
  try {
    if (value === null || value === '' || value?.length === 0) storage.removeItem(name(kind, id));
    else storage.setItem(name(kind, id), JSON.stringify(value));
    return true;
  } catch {
    return false; // full, or switched off
  }
}

export const stored = {
  read: (kind, id) => readFrom(localStorage, kind, id),
  write: (kind, id, value) => writeTo(localStorage, kind, id, value),
  names: (kind) => Object.keys(localStorage).filter((key) => key.startsWith(name(kind, '')))
    .map((key) => key.slice(name(kind, '').length)),
  // Calls `act(id, before, after)` when another window of this browser writes something of this kind.
  heard: (kind, act) => window.addEventListener('storage', ({ key, oldValue, newValue }) => {
    if (key?.startsWith(name(kind, ''))) act(key.slice(name(kind, '').length), parsed(() => oldValue), parsed(() => newValue));
  }),
};

// Of this window alone.
export const remembered = {
  read: (kind, id) => readFrom(sessionStorage, kind, id),
  write: (kind, id, value) => writeTo(sessionStorage, kind, id, value),
};
