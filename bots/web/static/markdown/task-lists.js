// Task lists: "- [x] done". A box character replaces the mark and the bullet. It needs no script, and screen readers
// read it.

/** @import { MarkdownIt } from './markdown-it.js' */

/** @param {MarkdownIt} renderer */
export function addTaskLists(renderer) {
  renderer.core.ruler.after('inline', 'tasks', ({ tokens }) => {
    tokens.forEach((token, index) => {
      if (token.type !== 'inline' || tokens[index - 1]?.type !== 'paragraph_open') return;
      const item = tokens[index - 2];
      const first = token.children?.[0];
      if (item?.type !== 'list_item_open' || first?.type !== 'text') return;
      const mark = first.content.match(/^\[([ xX])\] /);
      if (!mark) return;
      item.attrJoin('class', 'task');
      first.content = `${mark[1] === ' ' ? '☐' : '☑'} ${first.content.slice(mark[0].length)}`;
    });
  });
}
