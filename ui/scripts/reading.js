// A conversation that is read (after acts.js): it opens at its beginning, and what is read stays in view when earlier
// questions come in above it.
const talk = () => element.querySelector(".talk");
const which = () => talk()?.dataset.at ?? "";
let open = which(), high = 0;  // which conversation, and how high it was when earlier ones were asked for

element.addEventListener("click", (event) => {
  if (event.target.closest("[data-act=earlier]")) high = talk().scrollHeight;
});
watch("value", () => {
  const now = talk();
  if (now && which() !== open) now.scrollTop = 0;
  else if (now && high) now.scrollTop += now.scrollHeight - high;
  high = 0;
  open = which();
});
