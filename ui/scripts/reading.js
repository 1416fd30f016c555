// A conversation that is read (after acts.js): it opens at its beginning, and what is read stays in view when earlier
// questions come in above it.
const talk = () => element.querySelector(".talk");
let open = "", high = 0;  // which conversation, and how high it was when earlier ones were asked for

element.addEventListener("click", (event) => {
  if (event.target.closest("[data-act=earlier]")) high = talk().scrollHeight;
});
watch("value", () => {
  const now = talk();
  if (now && now.dataset.at !== open) now.scrollTop = 0;
  else if (now && high) now.scrollTop += now.scrollHeight - high;
  high = 0;
  open = now?.dataset.at ?? "";
});
