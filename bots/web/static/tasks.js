// Lists of things to do, as many models write them: "- [x] done". A box stands in place of the mark and of the bullet;
// it is a letter, which needs no script and is read aloud.

export function tasks(renderer) {
  renderer.core.ruler.after('inline', 'tasks', ({ tokens }) => {
    tokens.forEach((token, at) => {
      if (token.type !== 'inline' || tokens[at - 1]?.type !== 'paragraph_open') return;
      const item = tokens[at - 2];
      const first = token.children[0];
      const mark = item?.type === 'list_item_open' && first?.type === 'text' && first.content.match(/^\[([ xX])\] /);
      if (!mark) return;
      item.attrJoin('class', 'task');
      first.content = `${mark[1] === ' ' ? '☐' : '☑'} ${first.content.slice(mark[0].length)}`;
    });
  });
}
