// Buttons in a piece of HTML: a press reaches the server as { act, what }. The list may be drawn anew meanwhile: a button
// that had the focus gets it back. A button in a form, <div data-form>, takes the form's text along.
let last = null;
const act = (target) => target.closest("[data-act]");
element.addEventListener("click", (event) => {
  const button = act(event.target);
  if (!button || button.disabled) return;
  const text = button.closest("[data-form]")?.querySelector("textarea")?.value;
  trigger("click", { act: button.dataset.act, what: button.dataset.what, ...(text === undefined ? {} : { text }) });
});
element.addEventListener("focusin", (event) => { last = act(event.target); });
watch("value", () => {
  if (!last || last.isConnected || document.activeElement !== document.body) return;
  for (const button of element.querySelectorAll("[data-act]"))
    if (button.dataset.act === last.dataset.act && button.dataset.what === last.dataset.what) button.focus();
});
