const byId = (id) => document.getElementById(id);
const NS = "http://www.w3.org/2000/svg";
function make(tag, attributes, text) {
  const node = document.createElementNS(NS, tag);
  for (const name in attributes) node.setAttribute(name, attributes[name]);
  if (text !== undefined) node.textContent = text;
  return node;
}
function put(parent, tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  parent.appendChild(node);
  return node;
}
const number = (x, n) => x === null || x === undefined ? "–"
  : (Math.abs(x) < 0.001 && x !== 0 ? x.toExponential(1) : x.toFixed(n === undefined ? 2 : n));
byId("about").textContent = D.about;
byId("facts").textContent = D.facts;
for (const line of D.notes) put(byId("notes"), "p", line);
