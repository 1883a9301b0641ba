// Makes `old` look like `fresh` and touches only what differs: nodes that stay keep their identity, text that grew is
// appended to, so that nothing flickers and a selection survives while a reply streams.

export function morph(old, fresh) {
  const wanted = [...fresh.childNodes];
  for (let place = 0; place < wanted.length; place += 1) {
    const have = old.childNodes[place];
    const want = wanted[place];
    if (!have) old.append(want);
    else if (have.nodeType === Node.TEXT_NODE && want.nodeType === Node.TEXT_NODE) morphText(have, want.data);
    else if (have.nodeName === want.nodeName && have.nodeType === Node.ELEMENT_NODE) morphElement(have, want);
    else have.replaceWith(want);
  }
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

function morphText(have, text) {
  if (have.data === text) return;
  if (text.startsWith(have.data)) have.appendData(text.slice(have.data.length));
  else have.data = text;
}

function morphElement(have, want) {
  if (have.isEqualNode(want)) return;
  for (const { name } of [...have.attributes]) if (!want.hasAttribute(name)) have.removeAttribute(name);
  for (const { name, value } of want.attributes) {
    if (have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  morph(have, want);
}
