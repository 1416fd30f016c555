// Buttons in a piece of HTML: a press reaches the server as { act, what }. The list may be drawn anew meanwhile: a button
// that had the focus gets it back. A button in a form, <div data-form>, takes the form's text along; one in
// <div data-fields> takes the values of all its fields along, in order, as JSON.
let last = null;
const act = (target) => target.closest("[data-act]");
element.addEventListener("click", (event) => {
  const button = act(event.target);
  if (!button || button.disabled) return;
  const field = button.closest("[data-form]")?.querySelector("textarea") ?? button.closest(".typed")?.querySelector("input");
  const fields = button.closest("[data-fields]")?.querySelectorAll("select, input");
  const text = fields ? JSON.stringify(Array.from(fields, (each) => each.value)) : field?.value;
  trigger("click", { act: button.dataset.act, what: button.dataset.what, ...(text === undefined ? {} : { text }) });
});
element.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches(".typed input")) return;
  event.preventDefault();
  event.target.closest(".typed").querySelector("[data-act]").click();
});
element.addEventListener("focusin", (event) => { last = act(event.target); });
watch("value", () => {
  if (!last || last.isConnected || document.activeElement !== document.body) return;
  for (const button of element.querySelectorAll("[data-act]"))
    if (button.dataset.act === last.dataset.act && button.dataset.what === last.dataset.what) button.focus();
  if (last.dataset.act !== "drop" || document.activeElement !== document.body) return;
  (element.querySelector("[data-act=drop]") ?? document.querySelector(".search-box textarea"))?.focus();  // what was taken out is gone
});
