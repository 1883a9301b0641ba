// The few tags that models write in the middle of a line and that can do no harm: a line break, a key, what stands
// higher or lower. Without attributes, and the ones with an end only where it is there; every other tag stands as it
// was written.

const BREAK = /^<br ?\/?>/i;
const OPENING = /^<(kbd|sub|sup)>/i;

export function tags(renderer) {
  renderer.inline.ruler.before('autolink', 'tags', (state, silent) => {
    if (state.src[state.pos] !== '<') return false;
    const rest = state.src.slice(state.pos, state.posMax);
    const br = rest.match(BREAK);
    if (br) {
      if (!silent) state.push('hardbreak', 'br', 0);
      state.pos += br[0].length;
      return true;
    }
    const [opening, name] = rest.match(OPENING) || [];
    if (!opening) return false;
    const tag = name.toLowerCase();
    const end = rest.toLowerCase().indexOf(`</${tag}>`);
    if (end < 0) return false;
    const after = state.pos + end + tag.length + 3;
    if (!silent) inside(state, tag, state.pos + opening.length, state.pos + end);
    state.pos = after;
    return true;
  });
}

function inside(state, tag, from, to) {
  const { posMax } = state;
  state.push(`${tag}_open`, tag, 1);
  Object.assign(state, { pos: from, posMax: to });
  state.md.inline.tokenize(state);
  state.push(`${tag}_close`, tag, -1);
  state.posMax = posMax;
}
