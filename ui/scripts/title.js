// The heading of the open conversation (after acts.js): its title is changed in place, Enter saves, Esc leaves it.
const field = () => element.querySelector("input");
const save = () => trigger("click", { act: "title", what: field().value });
let naming = null;  // the field, while it is there

element.addEventListener("click", (event) => { if (event.target.closest("[data-save]")) save(); });
element.addEventListener("keydown", (event) => {
  if (event.target !== field() || event.isComposing) return;
  if (event.key === "Enter") save();
  if (event.key === "Escape") { event.stopPropagation(); trigger("click", { act: "unname", what: "" }); }
});
watch("value", () => {
  const now = field(), was = naming;
  naming = now;
  if (now && now !== was) { now.value = now.getAttribute("value"); now.focus(); now.select(); }
  if (!now && was) element.querySelector("[data-act=rename]")?.focus();
  setTimeout(settle, 100);  // when the list that had the focus is hidden
});
function settle() {
  const back = element.querySelector("[data-act=back]");
  if (document.activeElement === document.body && isShown(back)) back.focus();
}
