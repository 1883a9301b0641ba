// Attachments: reading files, making pictures small enough, and showing both.

import { el, icon } from './dom.js';

/** @import { Attachment } from '../net/types.js' */

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/gif']);
const TEXT_EXTENSIONS =
  /\.(txt|md|csv|tsv|json|ya?ml|toml|ini|xml|html?|css|js|ts|jsx|tsx|py|rb|go|rs|java|kt|c|h|cc|cpp|hpp|cs|sh|sql|log|tex|diff|patch)$/i;
const PICTURE_SIDES = [1568, 1200, 900, 640];
const JPEG_QUALITY = 0.85;

/** @param {Attachment} file */
export const isPicture = (file) => (file.media_type || '').startsWith('image/');

/** @param {Attachment} file @returns {number} characters that count for the limit */
export const sizeOf = (file) => (file.text || '').length + (file.data || '').length;

/** @param {number} size */
const kilobytes = (size) => `${Math.max(1, Math.round(size / 1024))} KB`;

/**
 * Read a file as an attachment.
 * @param {File} file
 * @param {number} room the most characters it may have
 * @returns {Promise<Attachment>}
 * @throws {Error} with a message for the user
 */
export async function readFile(file, room) {
  if (PICTURES.has(file.type)) return readPicture(file, room);
  if (!file.type.startsWith('text/') && !TEXT_EXTENSIONS.test(file.name) && file.type !== 'application/json') {
    throw new Error(`${file.name}: only text files and pictures can be sent.`);
  }
  if (file.size > room * 4) throw tooLarge(file, room);
  const text = await file.text();
  if (text.includes('\0')) throw new Error(`${file.name} is not a text file.`);
  if (text.length > room) throw tooLarge(file, room);
  return { name: file.name, media_type: 'text/plain', text };
}

/** @param {File} file @param {number} room */
function tooLarge(file, room) {
  const size = kilobytes(file.size);
  return new Error(`${file.name} is too large: it has ${size}, and this message has ${kilobytes(room)} left.`);
}

/** @param {File} file @param {number} room @returns {Promise<Attachment>} */
async function readPicture(file, room) {
  const whole = await readBase64(file);
  if (whole.length <= room) return { name: file.name, media_type: file.type, data: whole };
  const picture = await createImageBitmap(file).catch(() => {
    throw new Error(`${file.name} is not a picture that this browser can read.`);
  });
  for (const side of PICTURE_SIDES) {
    const data = await readBase64(await scale(picture, side));
    if (data.length <= room) return { name: file.name, media_type: 'image/jpeg', data };
  }
  throw tooLarge(file, room);
}

/** @param {ImageBitmap} picture @param {number} side @returns {Promise<Blob>} */
function scale(picture, side) {
  const factor = Math.min(1, side / Math.max(picture.width, picture.height));
  const width = Math.round(picture.width * factor);
  const canvas = el('canvas', { width, height: Math.round(picture.height * factor) });
  const context = canvas.getContext('2d');
  if (!context) throw new Error('This browser cannot make the picture smaller.');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => {
    canvas.toBlob((blob) => resolve(/** @type {Blob} */ (blob)), 'image/jpeg', JPEG_QUALITY);
  });
}

/** @param {Blob} blob @returns {Promise<string>} */
function readBase64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(',', 2)[1]);
    reader.onerror = () => reject(new Error(`${blob instanceof File ? blob.name : 'The file'} cannot be read.`));
    reader.readAsDataURL(blob);
  });
}

/** @param {Attachment} a @param {Attachment} b */
const isSameFile = (a, b) =>
  a.name === b.name && a.media_type === b.media_type && a.text === b.text && a.data === b.data;

/** @type {WeakMap<Element, Attachment[]>} the files that each list shows */
const shownFiles = new WeakMap();

/**
 * Show files in a list. Elements of unchanged files stay: else a button would lose the focus, an open file would close
 * and pictures would flash.
 * @param {HTMLElement} list
 * @param {Attachment[]} files
 * @param {(index: number) => void} [onRemove] adds a button to each file
 */
export function showFiles(list, files, onRemove) {
  const before = shownFiles.get(list) || [];
  let unchanged = 0;
  while (unchanged < Math.min(before.length, files.length) && isSameFile(before[unchanged], files[unchanged])) {
    unchanged += 1;
  }
  for (const item of [...list.children].slice(unchanged)) item.remove();
  const added = files.slice(unchanged);
  list.append(...added.map((file, index) => fileItem(file, onRemove && (() => onRemove(unchanged + index)))));
  shownFiles.set(list, [...files]);
  list.hidden = !files.length;
}

/** @param {Attachment} file @param {() => void} [onRemove] */
function fileItem(file, onRemove) {
  const item = el('li', { class: 'file' });
  if (isPicture(file) && file.data && PICTURES.has(file.media_type)) {
    item.append(el('img', { src: `data:${file.media_type};base64,${file.data}`, alt: file.name, loading: 'lazy' }));
  } else if (file.text != null && !onRemove) {
    const summary = el('summary', {}, icon('file'), ` ${file.name}`);
    item.append(el('details', {}, summary, el('pre', { tabindex: 0, text: file.text })));
  } else {
    item.append(icon('file'), el('span', { class: 'name', text: file.name }));
  }
  if (onRemove) {
    const label = `Remove ${file.name}`;
    item.append(
      el('button', { type: 'button', class: 'remove', 'aria-label': label, onclick: onRemove }, icon('close')),
    );
  }
  return item;
}
