// The dialog that shows a photo large (after zoom.js). Its content comes as HTML from the server; the dialog itself lives
// outside of Gradio's tree, so that drawing anew never closes it. While "the box is wrong" is pressed, a drag draws the
// right one. The last value of an event may arrive twice, the second time when the dialog was closed or turned already:
// each value is numbered, and what was shown once is not shown again.
let opener = null, from = null, latest = 0, shown = "";
let playing = 0, every = null;  // the timer of the slideshow; whether all boxes were wanted last, or none

const send = (act, what, more = {}) => trigger("click", { act, what, ...more });
const find = (selector) => dialog.querySelector(selector);

watch("value", () => {
  const html = props.value ?? "";
  if (!html) { if (dialog.open) dialog.close(); return; }
  const next = document.createElement("template");
  next.innerHTML = html;
  const { showing, at } = next.content.querySelector("[data-showing]").dataset;
  if (Number(showing) <= latest) return;
  latest = Number(showing);
  if (!dialog.open) { opener = document.activeElement; every = null; }
  const held = focused(), same = dialog.open && at === shown, kept = same ? ticked() : null;
  if (!same) { level = 1; shift = [0, 0]; }
  shown = at;
  drawn = from = null;
  dialog.classList.remove("drawing");
  dialog.replaceChildren(next.content);
  glow();
  if (kept) tick((box) => kept.has(box.dataset.box));
  else if (every !== null) tick(() => every);
  dialog.setAttribute("aria-label", find("h2")?.textContent ?? "");
  if (!dialog.open) dialog.showModal();
  (held && find(held) || find("[autofocus]"))?.focus();
  look();
});

// What is focused is focused again in the content that comes: a press on "next" is followed by another one.
function focused() {
  const { act, do: what } = dialog.contains(document.activeElement) ? document.activeElement.dataset : {};
  return act ? `[data-act="${CSS.escape(act)}"]` : what ? `[data-do="${CSS.escape(what)}"]` : null;
}

// What was turned to: a photo in its place, or a file of code at the lines that are cited; the next one is fetched.
function look() {
  place();
  const ahead = stage()?.dataset.ahead;
  if (ahead) new Image().src = ahead;
  const pause = find(".pause");
  if (pause) pause.value = KEPT.get("deepseek-mm-pause") ?? "5";
  if (playing) play();
  const list = find(".listing"), hits = dialog.querySelectorAll(".listing .hit");
  if (!hits.length) return;
  const top = hits[0].offsetTop - list.offsetTop, high = hits[hits.length - 1].offsetTop + hits[hits.length - 1].offsetHeight - hits[0].offsetTop;
  list.scrollTop = top - Math.max(24, (list.clientHeight - high) / 2);
}

// The slideshow: after a pause the next one, again and again, until it is stopped, something is done to the photo, or the
// dialog closes. It waits while the page is hidden. Without motion (prefers-reduced-motion) photos change at once.
function play() {
  clearTimeout(playing);
  const button = find("[data-do=play]");
  if (!button) { rest(); return; }
  playing = setTimeout(() => (document.hidden ? play() : find("[data-act=on]")?.click()), 1000 * (find(".pause")?.value || 5));
  dialog.classList.add("playing");
  button.ariaPressed = "true";
  button.dataset.name ??= button.textContent;
  button.textContent = button.dataset.stop;
  place();
}
function rest() {
  clearTimeout(playing);
  playing = 0;
  dialog.classList.remove("playing");
  const button = find("[data-do=play]");
  if (button?.dataset.name) { button.textContent = button.dataset.name; button.ariaPressed = "false"; }
  place();
}

// Boxes, one by one and all together.
const boxes = () => [...dialog.querySelectorAll("input[data-box]")];
const ticked = () => new Set(boxes().filter((box) => box.checked).map((box) => box.dataset.box));
function tick(wanted) {
  for (const box of boxes()) box.checked = wanted(box);
  paint();
}
function paint() {
  const on = ticked(), all = find("[data-boxes]");
  for (const mark of dialog.querySelectorAll(".stage .box[data-box]")) mark.hidden = !on.has(mark.dataset.box);
  if (!all) return;
  all.checked = on.size === boxes().length;
  all.indeterminate = on.size > 0 && !all.checked;
}
dialog.addEventListener("change", (event) => {
  if (event.target.matches("[data-boxes]")) { every = event.target.checked; tick(() => every); }
  if (event.target.matches("[data-box]")) paint();
  if (event.target.matches(".pause")) { KEPT.set("deepseek-mm-pause", event.target.value); if (playing) play(); }
});

// A video that this browser cannot play says so; one that was begun is not left sounding.
dialog.addEventListener("error", (event) => {
  const told = find(".unplayable");
  if (event.target.matches?.("video") && told) told.hidden = false;
}, true);
dialog.addEventListener("play", () => { if (playing) rest(); }, true);

dialog.addEventListener("close", () => {
  find("video")?.pause();
  drawn = from = null;
  shown = "";
  rest();
  fingers.clear();
  if (props.value) { props.value = ""; send("closed", ""); }
  if (opener?.isConnected) opener.focus();
});

// The heat map over the photo, on or off as it was chosen last; off while somebody draws.
function glow() {
  const button = find("[data-heat]"), on = KEPT.get("deepseek-mm-heat") !== "off";
  if (button) button.ariaPressed = String(on);
  dialog.classList.toggle("cool", !on);
  paint();
}

function isBeside(event) {
  const { left, top, right, bottom } = dialog.getBoundingClientRect();
  return event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
}
dialog.addEventListener("click", (event) => {
  if (event.target === dialog && isBeside(event)) { dialog.close(); return; }
  const heat = event.target.closest("[data-heat]"), tool = event.target.closest("[data-do]")?.dataset.do;
  if (heat) { KEPT.set("deepseek-mm-heat", heat.ariaPressed === "true" ? "off" : "on"); glow(); return; }
  if (tool === "cancel") quit();
  else if (tool === "play") playing ? rest() : play();
  else if (tool) { if (playing) rest(); ZOOMS[tool](); }
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const { act, what } = button.dataset;
  if (playing && act !== "on" && act !== "back") rest();
  if (act === "close") dialog.close();
  else if (act === "wrong" || act === "cut") begin(act);
  else if (act === "right" || act === "part") finish(act, what);
  else if (act === "describe") send(act, what, { text: find(".described textarea").value });
  else send(act, what);
});

dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("input:not([type=checkbox]), textarea, select, video") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (drawn && event.key.startsWith("Arrow")) { event.preventDefault(); nudge(event); return; }
  if (pan(event)) { event.preventDefault(); return; }
  if (ZOOM_KEYS[event.key]) { if (playing) rest(); ZOOM_KEYS[event.key](); }
  if (event.key === "ArrowLeft") find("[data-act=back]")?.click();
  if (event.key === "ArrowRight") find("[data-act=on]")?.click();
});

// Drawing: `drawn` is [left, top, right, bottom] as shares of the photo's sides.
function begin(act) {
  const box = dialog.querySelector(".stage .box:not(.faint)");
  const share = (name) => (box ? parseFloat(box.style[name]) / 100 : null);
  drawn = box
    ? [share("left"), share("top"), share("left") + share("width"), share("top") + share("height")]
    : [0.25, 0.25, 0.75, 0.75];
  dialog.classList.add("drawing");
  for (const panel of dialog.querySelectorAll(".correct")) panel.hidden = panel.dataset.for !== act;
  place();
  photo().tabIndex = 0;
  photo().focus();
  show();
}
function show() {
  let mark = photo().querySelector(".mine");
  if (!mark) { mark = document.createElement("span"); mark.className = "box mine"; photo().append(mark); }
  const [left, top, right, bottom] = drawn.map((share) => 100 * share);
  Object.assign(mark.style, {
    left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%`,
  });
}
function at(event) {
  const area = photo().getBoundingClientRect();
  const inside = (share) => Math.min(1, Math.max(0, share));
  return [inside((event.clientX - area.left) / area.width), inside((event.clientY - area.top) / area.height)];
}
dialog.addEventListener("pointerdown", (event) => {
  if (!drawn || !event.target.closest(".shot")) return;
  event.preventDefault();
  from = at(event);
  photo().setPointerCapture(event.pointerId);
});
dialog.addEventListener("pointermove", (event) => {
  if (!from) return;
  const [x, y] = at(event);
  const box = [Math.min(x, from[0]), Math.min(y, from[1]), Math.max(x, from[0]), Math.max(y, from[1])];
  if (box[2] - box[0] < 0.01 || box[3] - box[1] < 0.01) return;  // a click is no box: the one before it stays
  drawn = box;
  show();
});
dialog.addEventListener("pointerup", () => { from = null; });
function nudge(event) {
  const step = event.key === "ArrowLeft" || event.key === "ArrowUp" ? -0.01 : 0.01;
  const across = event.key === "ArrowLeft" || event.key === "ArrowRight" ? 0 : 1;
  if (!event.shiftKey) drawn[across] += step;  // Shift moves the right and lower edge only: it changes the size
  drawn[across + 2] += step;
  drawn = drawn.map((share) => Math.min(1, Math.max(0, share)));
  show();
}
function finish(act, what) {
  const label = dialog.querySelector(".correct input")?.value ?? "";
  send(act, what, { box: drawn, label });
  quit();
}
function quit() {
  dialog.classList.remove("drawing");
  drawn = null;
  for (const panel of dialog.querySelectorAll(".correct")) panel.hidden = true;
  photo().querySelector(".mine")?.remove();
  place();
  find("[data-act=cut]")?.focus();
}
