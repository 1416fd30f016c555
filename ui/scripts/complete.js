// Completion in the search box: what the unfinished word may become is asked of the server while one types. Arrows choose,
// Tab or Enter takes, Esc closes; without a choice Enter searches as ever.
const list = document.createElement("ul");
list.className = "proposals";
list.id = "search-proposals";
list.setAttribute("role", "listbox");
list.hidden = true;
document.body.append(list);
let box = null, found = [], at = -1, asked = 0, waiting = 0;

const isBox = (target) => target.matches?.(".search-box textarea");
function close() { list.hidden = true; at = -1; found = []; box?.removeAttribute("aria-activedescendant"); if (box?.role === "combobox") box.ariaExpanded = "false"; }

document.addEventListener("input", (event) => {
  if (!isBox(event.target) || !event.isTrusted || event.isComposing) return;
  box = event.target;
  clearTimeout(waiting);
  waiting = setTimeout(ask, 80);
});
async function ask() {
  const text = box.value, mine = ++asked;
  if (!text || text.length > 500 || box.selectionEnd !== text.length) { close(); return; }
  try {
    const answer = await fetch(`/search/complete?text=${encodeURIComponent(text)}`);
    const proposals = answer.ok ? await answer.json() : [];
    if (mine === asked && box.value === text) show(proposals);
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
