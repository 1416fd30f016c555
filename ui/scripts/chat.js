// The conversation: lighting boxes, staying at its end, and noting which one it is for the next load.
const talk = () => element.querySelector(".talk");
const act = (target) => target.closest("[data-act]");
let end = true, count = 0;  // whether its end was in view, and how many exchanges there were

element.addEventListener("click", (event) => {
  const button = act(event.target);
  if (!button) return;
  const text = button.closest(".typed")?.querySelector("input").value;  // of a field for what would have been right
  trigger("click", { act: button.dataset.act, what: button.dataset.what, ...(text === undefined ? {} : { text }) });
});
element.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.isComposing || !event.target.matches(".typed input")) return;
  event.preventDefault();
  event.target.closest(".typed").querySelector("[data-act]").click();
});

// A claim under the pointer, or one whose button has the focus, lights its boxes in the panel.
function light(event) {
  const claim = event.target.closest?.(".claim");
  for (const lit of document.querySelectorAll(".evidence .lit")) lit.classList.remove("lit");
  if (!claim || event.type === "mouseout" || event.type === "focusout") return;
  const panel = document.querySelector(`.evidence[data-turn="${claim.closest("[data-turn]").dataset.turn}"]`);
  for (const number of panel ? claim.dataset.numbers.split(" ") : [])
    panel.querySelector(`li[data-number="${number}"]`)?.classList.add("lit");
}
for (const type of ["mouseover", "mouseout", "focusin", "focusout"]) element.addEventListener(type, light);

element.addEventListener("scroll", (event) => {
  const { scrollTop, clientHeight, scrollHeight } = event.target;
  end = scrollTop + clientHeight > scrollHeight - 60;
}, true);

function settle() {
  const now = talk();
  if (!now) return;
  const exchanges = now.querySelectorAll(".exchange").length;
  if (!exchanges) now.scrollTop = 0;  // a welcome is read from its beginning
  else if (end || exchanges !== count) now.scrollTop = now.scrollHeight;
  count = exchanges;
}
watch("value", () => { settle(); if (talk()) KEPT.note(talk().dataset.kept, talk().dataset.at); });
element.addEventListener("load", () => { if (end && count && talk()) talk().scrollTop = talk().scrollHeight; }, true);  // pictures
settle();
