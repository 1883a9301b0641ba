// Files beside a message: how they are read, made small enough, and shown.

import { el, icon } from './dom.js';

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
const TEXT_NAMES = /\.(txt|md|csv|tsv|json|ya?ml|toml|ini|xml|html?|css|js|ts|jsx|tsx|py|rb|go|rs|java|kt|c|h|cc|cpp|hpp|cs|sh|sql|log|tex|diff|patch)$/i;
const LONGEST_SIDES = [1568, 1200, 900, 640];

export const isPicture = (file) => (file.media_type || '').startsWith('image/');
export const sizeOf = (file) => (file.text || '').length + (file.data || '').length;
const kilobytes = (size) => `${Math.max(1, Math.round(size / 1024))} KB`;

// One attachment of the contract, at most `room` characters. Raises an Error that says what is wrong with the file.
export async function readFile(file, room) {
  if (PICTURES.has(file.type)) return readPicture(file, room);
  if (!file.type.startsWith('text/') && !TEXT_NAMES.test(file.name) && file.type !== 'application/json') {
    throw new Error(`${file.name}: only text files and pictures can be sent.`);
  }
  if (file.size > room * 4) throw tooLarge(file, room);
  const text = await file.text();
  if (text.includes('\0')) throw new Error(`${file.name} is no text file.`);
  if (text.length > room) throw tooLarge(file, room);
  return { name: file.name, media_type: 'text/plain', text };
}

function tooLarge(file, room) {
  return new Error(`${file.name} is too large: ${kilobytes(file.size)}, and ${kilobytes(room)} are left for this message.`);
}

async function readPicture(file, room) {
  const whole = await base64(file);
  if (whole.length <= room) return { name: file.name, media_type: file.type, data: whole };
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is no picture that this browser can read.`);
  });
  for (const side of LONGEST_SIDES) {
    const data = await base64(await scaled(picture, side));
    if (data.length <= room) return { name: file.name, media_type: 'image/jpeg', data };
  }
  throw tooLarge(file, room);
}

function scaled(picture, side) {
  const factor = Math.min(1, side / Math.max(picture.width, picture.height));
  const canvas = el('canvas', { width: Math.round(picture.width * factor), height: Math.round(picture.height * factor) });
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => { canvas.toBlob(resolve, 'image/jpeg', 0.85); });
}

function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
    reader.onerror = () => reject(new Error(`${blob.name || 'The file'} cannot be read.`));
    reader.readAsDataURL(blob);
  });
}

const same = (one, other) => ['name', 'media_type', 'text', 'data'].every((name) => one[name] === other[name]);
const shown = new WeakMap(); // of each list, the files in it

// What stands stays: drawn anew, a button would lose the focus it has, a file that is read would close, pictures flash.
export function showFiles(list, files, onRemove) {
  const before = shown.get(list) || [];
  let stands = 0;
  while (stands < Math.min(before.length, files.length) && same(before[stands], files[stands])) stands += 1;
  for (const item of [...list.children].slice(stands)) item.remove();
  list.append(...files.slice(stands).map((file, n) => fileItem(file, onRemove && (() => onRemove(stands + n)))));
  shown.set(list, [...files]);
  list.hidden = !files.length;
}

function fileItem(file, remove) {
  const item = el('li', { class: 'file' });
  if (isPicture(file) && file.data && PICTURES.has(file.media_type)) {
    item.append(el('img', { src: `data:${file.media_type};base64,${file.data}`, alt: file.name, loading: 'lazy' }));
  } else if (file.text !== undefined && file.text !== null && !remove) {
    item.append(el('details', {}, el('summary', {}, icon('file'), ` ${file.name}`), el('pre', { tabindex: 0, text: file.text })));
  } else {
    item.append(icon('file'), el('span', { class: 'name', text: file.name }));
  }
  if (remove) {
    item.append(el('button', { type: 'button', class: 'remove', 'aria-label': `Remove ${file.name}`, onclick: remove }, icon('close')));
  }
  return item;
}
