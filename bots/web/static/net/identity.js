// The identity of this browser: it changes when the browser joins another device, or goes back. All windows reload
// then, and the shared worker opens its stream again. Both listen on one BroadcastChannel.

import { clearStored } from '../state/storage.js';

const CHANNEL = 'threadwell:identity';

/** Remove the drafts and unsent messages of the previous identity, notify all windows, and reload this one. */
export function switchIdentity() {
  clearStored();
  new BroadcastChannel(CHANNEL).postMessage('switched');
  reloadAfterSwitch();
}

let isReloading = false;

/**
 * Load the page again as the new identity.
 *
 * Trap: it is called twice in the window that joined, by itself and by the next API response. A second
 * `location.replace` restarts the load, and sometimes kills Chromium's renderer while DevTools is attached.
 */
export function reloadAfterSwitch() {
  if (isReloading) return;
  isReloading = true;
  sessionStorage.clear();
  location.replace('/');
}

/** @param {() => void} callback called when another window of this browser switched its identity */
export function onIdentitySwitch(callback) {
  new BroadcastChannel(CHANNEL).onmessage = callback;
}
