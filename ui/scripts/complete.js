// Completion in the search box, and of @names in questions about code: what the unfinished word may become is asked of the
// server while one types. Arrows choose, Tab or Enter takes, Esc closes; without a choice Enter sends as ever.
(() => {
const TAIL = 400;  // letters at the end that are looked at
const list = document.createElement("ul");
list.className = "proposals";
list.id = "search-proposals";
list.setAttribute("role", "listbox");
list.hidden = true;
let box = null, found = [], at = -1, asked = 0, waiting = 0;

const isBox = (target) => target.matches?.(".search-box textarea, .code-box textarea");
const isOfCode = () => !!box.closest(".code-box");
function close() { list.hidden = true; at = -1; found = []; box?.removeAttribute("aria-activedescendant"); if (box?.role === "combobox") box.ariaExpanded = "false"; }

document.addEventListener("input", (event) => {
  if (!isBox(event.target) || !event.isTrusted || event.isComposing) return;
  box = event.target;
  clearTimeout(waiting);
  waiting = setTimeout(ask, 80);
});
async function ask() {
  const text = box.value, mine = ++asked;
  const code = isOfCode(), head = code ? text.slice(0, -TAIL) : "", tail = text.slice(head.length);
  const begun = code ? /(^|[^\w.])@[\w./-]*$/.test(tail) : tail && tail.length <= 500;
  if (!begun || box.selectionEnd !== text.length) { close(); return; }
  try {
    const answer = await fetch(`/search/complete?text=${encodeURIComponent(tail)}${code ? "&about=code" : ""}`);
    const told = answer.ok ? await answer.json() : [], helps = await sayAll(told.map((each) => each.help));
    const proposals = told.map((each, n) => ({ ...each, help: helps[n] }));
    if (mine === asked && box.value === text) show(proposals.map((each) => ({ ...each, text: head + each.text })));
  } catch { close(); }
}
function show(proposals) {
  close();
  found = proposals;
  if (!found.length || document.activeElement !== box) return;
  list.replaceChildren(...found.map((each, n) => {
    const row = document.createElement("li"), name = document.createElement("b"), help = document.createElement("span");
    row.id = `search-proposal-${n}`;
    row.setAttribute("role", "option");
    name.textContent = each.insert;
    help.textContent = each.help;
    row.append(name, help);
    row.addEventListener("pointerdown", (event) => { event.preventDefault(); take(n); });
    return row;
  }));
  if (!list.isConnected) document.body.append(list);
  const { left, bottom } = box.getBoundingClientRect();
  Object.assign(list.style, { left: `${left + scrollX}px`, top: `${bottom + scrollY}px` });
  for (const [name, value] of [["role", "combobox"], ["aria-controls", list.id], ["aria-autocomplete", "list"], ["aria-expanded", "true"]])
    box.setAttribute(name, value);
  list.hidden = false;
}
function choose(n) {
  at = (n + found.length) % found.length;
  [...list.children].forEach((row, k) => row.setAttribute("aria-selected", String(k === at)));
  box.setAttribute("aria-activedescendant", `search-proposal-${at}`);
}
function take(n) {
  const text = found[n].text;
  close();
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(box, text);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
  clearTimeout(waiting);
  waiting = setTimeout(ask, 80);  // behind a colon come its values
}
document.addEventListener("keydown", (event) => {
  if (list.hidden || event.target !== box || event.isComposing) return;
  const { key } = event;
  if (key === "ArrowDown" || key === "ArrowUp") choose(key === "ArrowDown" ? at + 1 : at < 0 ? -1 : at - 1);
  else if ((key === "Enter" || key === "Tab") && at >= 0) take(at);
  else if (key === "Escape") close();
  else { if (key === "Enter") close(); return; }
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
document.addEventListener("focusout", (event) => { if (event.target === box) close(); });
})();
