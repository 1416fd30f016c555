// The results of a search, or what is in the library: arrow keys move among them, a few are chosen, and more of them come when their end is near.
// What is chosen is kept here, by number, and sent along with each press in the bar; another search chooses anew.
const chosen = new Set();
let search = null, at = 0, asked = "";

const all = (selector) => [...element.querySelectorAll(selector)];
const send = (act, what, text = "") => trigger("click", { act, what, text });

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (!button || button.disabled) return;
  const { act, what } = button.dataset;
  if (act === "all") { for (const box of all(".pick")) chosen.add(box.dataset.number); show(); }
  else if (act === "none") { chosen.clear(); show(); all("button.look")[at]?.focus(); }
  else send(act, button.closest(".picked") ? [...chosen].join(",") : what, button.closest(".typed")?.querySelector("input").value);
});
element.addEventListener("keydown", (event) => {  // a button may go with a field; what is typed there is sent along
  if (event.key !== "Enter" || event.isComposing || !event.target.matches(".typed input")) return;
  event.preventDefault();
  event.target.closest(".typed").querySelector("[data-act]").click();
});

element.addEventListener("change", (event) => {
  if (event.target.matches(".pick")) choose(event.target, event.target.checked);
});
function choose(box, wanted) {
  if (wanted) chosen.add(box.dataset.number); else chosen.delete(box.dataset.number);
  show();
}

// Keys: the tile with the focus is the only one that Tab reaches.
element.addEventListener("focusin", (event) => {
  const tiles = all("button.look"), index = tiles.indexOf(event.target);
  if (index >= 0) { at = index; rove(tiles); }
});
function rove(tiles) {
  tiles.forEach((tile, n) => { tile.tabIndex = n === at ? 0 : -1; });
}
element.addEventListener("keydown", (event) => {
  if (!event.target.matches("button.look") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " ") {
    event.preventDefault();
    const box = event.target.closest("li").querySelector(".pick");
    box.checked = !box.checked;
    choose(box, box.checked);
    return;
  }
  const tiles = all("button.look"), to = target(event.key, tiles);
  if (to === undefined) return;
  event.preventDefault();
  tiles[to]?.focus();
});
element.addEventListener("keyup", (event) => {  // a button is pressed when Space comes up again
  if (event.key === " " && event.target.matches("button.look")) event.preventDefault();
});
function target(key, tiles) {
  if (key === "Home") return 0;
  if (key === "End") return tiles.length - 1;
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (key === "ArrowRight") return Math.min(tiles.length - 1, at + 1);
  if (key === "ArrowUp") return beside(tiles, -1);
  if (key === "ArrowDown") return beside(tiles, 1);
  return undefined;
}
function beside(tiles, way) {  // the nearest tile of the next row that way
  const places = tiles.map((tile) => tile.closest("li").getBoundingClientRect());
  const middle = (place) => place.left + place.width / 2;
  const here = places[at];
  const rows = places.map((place) => way * (place.top - here.top)).filter((far) => far > 5);
  if (!rows.length) return at;
  const row = Math.min(...rows);
  const far = (n) => Math.abs(middle(places[n]) - middle(here));
  return places.map((_, n) => n).filter((n) => Math.abs(way * (places[n].top - here.top) - row) < 5)
    .reduce((best, n) => (far(n) < far(best) ? n : best));
}

// More: the button below the results is pressed when it comes near, unless what would come is unlikely. The number that
// it carries is how many are shown: it is asked for once only, unless somebody presses it.
const near = new IntersectionObserver((entries) => {
  const button = entries.find((entry) => entry.isIntersecting)?.target;
  if (!button || button.dataset.what === asked) return;
  asked = button.dataset.what;
  send("more", asked);
}, { rootMargin: "800px" });

function show() {
  for (const box of all(".pick")) {
    box.checked = chosen.has(box.dataset.number);
    box.closest("li").classList.toggle("chosen", box.checked);
  }
  const bar = element.querySelector(".picked");
  if (!bar) return;
  bar.hidden = !chosen.size;
  const count = bar.querySelector(".count"), ask = bar.querySelector("[data-act=ask]");
  count.textContent = chosen.size ? count.dataset.text.replace("{count}", chosen.size) : "";
  ask.disabled = chosen.size > Number(ask.dataset.most);
  ask.textContent = ask.disabled ? ask.dataset.over : ask.dataset.text;
  const items = all(".pick:checked").map((box) => box.closest("li"));
  bar.querySelector("[data-copy]").dataset.copy = items.map((item) => item.dataset.path).join("\n");  // see page.js
}

watch("value", () => {
  const list = element.querySelector("ul.grid"), now = list?.dataset.search ?? null;
  if (now !== search) { chosen.clear(); at = 0; asked = ""; search = now; }
  rove(all("button.look"));
  show();
  near.disconnect();
  const more = element.querySelector("[data-act=more]:not(.unlikely)");
  if (more) near.observe(more);
});
