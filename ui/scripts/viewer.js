// The dialog that shows a photo large. Its content comes as HTML from the server; the dialog itself lives outside of
// Gradio's tree, so that drawing anew never closes it. While "the box is wrong" is pressed, a drag draws the right one.
// The last value of an event may arrive twice, the second time when the dialog was closed or turned already: each value
// is numbered, and what was shown once is not shown again.
const dialog = document.createElement("dialog");
dialog.className = "viewer";
document.body.append(dialog);
let opener = null, drawn = null, from = null, latest = 0;

const send = (act, what, more = {}) => trigger("click", { act, what, ...more });

watch("value", () => {
  const html = props.value ?? "";
  if (!html) { if (dialog.open) dialog.close(); return; }
  const next = document.createElement("template");
  next.innerHTML = html;
  const showing = Number(next.content.querySelector("[data-showing]").dataset.showing);
  if (showing <= latest) return;
  latest = showing;
  if (!dialog.open) opener = document.activeElement;
  dialog.replaceChildren(next.content);
  glow();
  dialog.setAttribute("aria-label", dialog.querySelector("h2")?.textContent ?? "");
  if (!dialog.open) dialog.showModal();
  dialog.querySelector("[autofocus]")?.focus();
  turn();
});

// A file of code is turned to the lines that are cited.
function turn() {
  const list = dialog.querySelector(".listing"), hits = dialog.querySelectorAll(".listing .hit");
  if (!hits.length) return;
  const top = hits[0].offsetTop - list.offsetTop, high = hits[hits.length - 1].offsetTop + hits[hits.length - 1].offsetHeight - hits[0].offsetTop;
  list.scrollTop = top - Math.max(24, (list.clientHeight - high) / 2);
}

dialog.addEventListener("close", () => {
  drawn = from = null;
  if (props.value) { props.value = ""; send("closed", ""); }
  if (opener?.isConnected) opener.focus();
});

// The heat map over the photo, on or off as it was chosen last; off while somebody draws.
function glow() {
  const button = dialog.querySelector("[data-heat]"), on = KEPT.get("deepseek-mm-heat") !== "off";
  if (button) button.ariaPressed = String(on);
  dialog.classList.toggle("cool", !on);
}

function isBeside(event) {
  const { left, top, right, bottom } = dialog.getBoundingClientRect();
  return event.clientX < left || event.clientX > right || event.clientY < top || event.clientY > bottom;
}
dialog.addEventListener("click", (event) => {
  if (event.target === dialog && isBeside(event)) { dialog.close(); return; }
  const heat = event.target.closest("[data-heat]");
  if (heat) { KEPT.set("deepseek-mm-heat", heat.ariaPressed === "true" ? "off" : "on"); glow(); return; }
  const button = event.target.closest("[data-act]");
  if (!button) return;
  const { act, what } = button.dataset;
  if (act === "close") dialog.close();
  else if (act === "wrong" || act === "cut") begin(act);
  else if (act === "right" || act === "part") finish(act, what);
  else if (act === "describe") send(act, what, { text: dialog.querySelector(".described input").value });
  else send(act, what);
});

dialog.addEventListener("keydown", (event) => {
  if (event.target.matches("input, textarea")) return;
  if (drawn && event.key.startsWith("Arrow")) { event.preventDefault(); nudge(event); return; }
  if (event.key === "ArrowLeft") dialog.querySelector("[data-act=back]")?.click();
  if (event.key === "ArrowRight") dialog.querySelector("[data-act=on]")?.click();
});

// Drawing: `drawn` is [left, top, right, bottom] as shares of the photo's sides.
const photo = () => dialog.querySelector(".shot");
function begin(act) {
  const box = dialog.querySelector(".box:not(.faint)");
  const share = (name) => (box ? parseFloat(box.style[name]) / 100 : null);
  drawn = box
    ? [share("left"), share("top"), share("left") + share("width"), share("top") + share("height")]
    : [0.25, 0.25, 0.75, 0.75];
  dialog.classList.add("drawing");
  for (const panel of dialog.querySelectorAll(".correct")) panel.hidden = panel.dataset.for !== act;
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
  dialog.classList.remove("drawing");
  drawn = null;
}
