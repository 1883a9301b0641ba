// The few harmless HTML tags that models write within a line: <br>, <kbd>, <sub> and <sup>. They are accepted without
// attributes, and with an end tag if they need one. Every other tag is shown as text.

/** @import { InlineState, MarkdownIt } from './markdown-it.js' */

const BREAK = /^<br ?\/?>/i;
const OPENING = /^<(kbd|sub|sup)>/i;

/** @param {MarkdownIt} renderer */
export function addInlineTags(renderer) {
  renderer.inline.ruler.before('autolink', 'tags', (state, silent) => {
    if (state.src[state.pos] !== '<') return false;
    const rest = state.src.slice(state.pos, state.posMax);
    const lineBreak = rest.match(BREAK)?.[0];
    if (lineBreak) {
      if (!silent) state.push('hardbreak', 'br', 0);
      state.pos += lineBreak.length;
      return true;
    }
    const [opening, name] = rest.match(OPENING) || [];
    if (!opening) return false;
    const tag = name.toLowerCase();
    const end = rest.toLowerCase().indexOf(`</${tag}>`);
    if (end < 0) return false;
    const after = state.pos + end + tag.length + 3;
    if (!silent) pushElement(state, tag, state.pos + opening.length, state.pos + end);
    state.pos = after;
    return true;
  });
}

/**
 * @param {InlineState} state
 * @param {string} tag
 * @param {number} start of the content
 * @param {number} end of the content
 */
function pushElement(state, tag, start, end) {
  const { posMax } = state;
  state.push(`${tag}_open`, tag, 1);
  Object.assign(state, { pos: start, posMax: end });
  state.md.inline.tokenize(state);
  state.push(`${tag}_close`, tag, -1);
  state.posMax = posMax;
}
