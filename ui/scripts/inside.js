// What the model did (after acts.js): a chosen layer colours the words anew, a slider changes the map, arrows move.
const tokens = (part) => [...part.querySelectorAll(".token")];
const chosen = (part) => Number(part.querySelector(".by-layer").value);
function tell(token) {
  const part = token.closest(".inside-part"), said = token.dataset.said.split("|")[chosen(part)];
  part.querySelector(".said").textContent = `${token.querySelector("span").textContent.trim()} - ${said}; ${token.dataset.chance}`;
}
function colour(part) {
  for (const token of tokens(part)) {
    token.dataset.expert = token.dataset.by.split(" ")[chosen(part)];
    token.querySelector("small").textContent = token.dataset.expert;
    token.title = token.dataset.said.split("|")[chosen(part)];
  }
}
element.addEventListener("input", (event) => {
  const field = event.target;
  if (field.matches(".by-layer")) colour(field.closest(".inside-part"));
  if (!field.matches(".by-depth")) return;
  const name = field.dataset.names.split("|")[field.value];
  field.setAttribute("aria-valuetext", name);
  field.parentElement.querySelector("output").textContent = name;
  for (const cell of field.closest(".inside").querySelectorAll("rect[data-by]"))
    cell.setAttribute("opacity", cell.dataset.by.split(" ")[field.value]);
});
for (const type of ["mouseover", "focusin"])
  element.addEventListener(type, (event) => { const token = event.target.closest?.(".token"); if (token) tell(token); });
element.addEventListener("keydown", (event) => {
  const token = event.target.closest?.(".token");
  if (!token || event.ctrlKey || event.metaKey || event.altKey) return;
  const all = tokens(token.closest(".inside-part")), here = all.indexOf(token);
  const to = all[{ ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: all.length - 1 }[event.key]];
  if (!to) return;
  event.preventDefault();
  token.tabIndex = -1; to.tabIndex = 0; to.focus();  // Tab stops at one only
});
watch("value", () => {
  const panel = element.querySelector(".inside");
  for (const part of panel?.querySelectorAll(".inside-part:has(.token)") ?? []) colour(part);
  panel?.querySelector("h2").focus({ preventScroll: true });
  if (panel?.getBoundingClientRect().top > innerHeight / 2) panel.scrollIntoView();  // on a phone it is far below
});
