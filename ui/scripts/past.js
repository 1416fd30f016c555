// The list of conversations (after acts.js): arrows move in it, Delete deletes, and its end asks for more.
const rows = () => [...element.querySelectorAll("button.row")];
let at = -1;  // the row that had the focus last

const mark = (all, here) => all.forEach((row, n) => { row.tabIndex = n === here ? 0 : -1; });  // Tab stops at one only

element.addEventListener("focusin", (event) => {
  const all = rows(), here = all.indexOf(event.target.closest("button.row"));
  if (here < 0) return;
  mark(all, (at = here));
});
element.addEventListener("keydown", (event) => {
  const all = rows(), here = all.indexOf(event.target.closest("button.row"));
  if (here < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
  const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
  if (to !== undefined) { event.preventDefault(); all[to]?.focus(); }
  if (event.key === "Delete" && !event.repeat) trigger("click", { act: "delete", what: all[here].dataset.what });
});

// A row that is gone, or a button that hid the list, leaves the focus nowhere: it goes back to where it was.
function settle() {
  const all = rows();
  if (all[at] && all[at] === document.activeElement) { mark(all, at); return; }
  if (at < 0 || document.activeElement !== document.body || !isShown(element)) return;
  all[Math.min(at, all.length - 1)]?.focus();
}

// The end of the list may be reached and pressed in one moment: that is one wish.
let asked = false;
function wish() {
  if (asked) return false;
  asked = true;
  setTimeout(() => { asked = false; }, 3000);  // where no answer came
  return true;
}
element.addEventListener("click", (event) => {
  if (event.target.closest("[data-act=more]") && !wish()) event.stopPropagation();
}, true);
const eye = new IntersectionObserver((seen) => {
  if (!seen.some((each) => each.isIntersecting)) return;
  eye.disconnect();
  if (wish()) trigger("click", { act: "more", what: "" });
}, { rootMargin: "200px" });
function look() {
  asked = false;
  eye.disconnect();
  const more = element.querySelector("[data-act=more]");
  if (more) eye.observe(more);
}
// Another search begins at its top: where the end of the longer list was, the shorter one would ask for more at once.
let count = rows().length;
function top() {
  const now = rows().length;
  if (now < count - 1) element.querySelector(".past")?.scrollTo(0, 0);
  count = now;
}
watch("value", () => { setTimeout(settle, 100); top(); look(); });  // when what hid the list is gone
look();
