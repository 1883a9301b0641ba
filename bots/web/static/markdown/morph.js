// Updates an element in place: unchanged nodes keep their identity and text that grew is appended, so that nothing
// flickers and a selection survives while a reply streams.

/**
 * Make the content of `current` equal to that of `wanted`. Nodes of `wanted` are moved.
 * @param {Node & ParentNode} current
 * @param {Node & ParentNode} wanted
 */
export function morph(current, wanted) {
  const wantedNodes = [...wanted.childNodes];
  wantedNodes.forEach((wantedNode, index) => {
    const node = current.childNodes[index];
    if (!node) current.append(wantedNode);
    else if (node instanceof Text && wantedNode instanceof Text) morphText(node, wantedNode.data);
    else if (node instanceof Element && wantedNode instanceof Element && node.nodeName === wantedNode.nodeName)
      morphElement(node, wantedNode);
    else node.replaceWith(wantedNode);
  });
  while (current.childNodes.length > wantedNodes.length) current.lastChild?.remove();
}

/** @param {Text} node @param {string} text */
function morphText(node, text) {
  if (node.data === text) return;
  if (text.startsWith(node.data)) node.appendData(text.slice(node.data.length));
  else node.data = text;
}

/** @param {Element} node @param {Element} wanted */
function morphElement(node, wanted) {
  if (node.isEqualNode(wanted)) return;
  for (const { name } of [...node.attributes]) if (!wanted.hasAttribute(name)) node.removeAttribute(name);
  for (const { name, value } of wanted.attributes) {
    if (node.getAttribute(name) !== value) node.setAttribute(name, value);
  }
  morph(node, wanted);
}
