// The photo in the dialog fits its stage, is zoomed with wheel, pinch and buttons, and dragged then; a swipe turns to the
// next. Its width is what changes, so boxes in per cent stay on it and keep their thin lines. Before viewer.js.
const dialog = document.createElement("dialog");
dialog.className = "viewer";
document.body.append(dialog);
const MOST = 16, STEP = 1.5, SWIPE_PX = 60, PAN_PX = 60;
let level = 1, shift = [0, 0], drawn = null;  // drawn: the box that is being drawn, see viewer.js
const fingers = new Map();  // pointers that are down -> where they are
let first = null, spread = 0;  // where a swipe began; how far two fingers were apart

const stage = () => dialog.querySelector(".stage");
const photo = () => dialog.querySelector(".stage .shot:not(.sheet, .clip)");
const within = (value, most) => Math.min(most, Math.max(-most, value));

function place() {
  const frame = stage(), shot = photo();
  if (!shot) return;
  shot.style.setProperty("--zoom", level);
  const room = [shot.offsetWidth - frame.clientWidth, shot.offsetHeight - frame.clientHeight];
  shift = shift.map((at, n) => within(at, Math.max(0, room[n] / 2)));
  shot.style.translate = `${shift[0]}px ${shift[1]}px`;
  frame.classList.toggle("zoomed", level > 1);
  const said = dialog.querySelector(".level");
  if (said) said.textContent = `${Math.round(100 * level)} %`;
}
function zoomTo(wanted, point = null) {  // what lies under the point stays there
  const shot = photo();
  if (!shot) return;
  const next = Math.min(MOST, Math.max(1, wanted)), area = shot.getBoundingClientRect(), frame = stage().getBoundingClientRect();
  const middle = [area.left + area.width / 2, area.top + area.height / 2];
  const fixed = point ?? [frame.left + frame.width / 2, frame.top + frame.height / 2];
  shift = shift.map((at, n) => at + (fixed[n] - middle[n]) * (1 - next / level));
  level = next;
  place();
}
function fit() { level = 1; shift = [0, 0]; place(); }

dialog.addEventListener("wheel", (event) => {
  if (!event.target.closest(".stage") || !photo()) return;
  const next = level * Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002));
  if (next < 1 && level === 1 && !event.ctrlKey) return;  // nothing to zoom: the dialog scrolls
  event.preventDefault();
  zoomTo(next, [event.clientX, event.clientY]);
}, { passive: false });
dialog.addEventListener("dblclick", (event) => {
  if (!drawn && event.target.closest(".stage")) level > 1 ? fit() : zoomTo(3, [event.clientX, event.clientY]);
});

const apart = ([one, two]) => Math.hypot(one[0] - two[0], one[1] - two[1]);
dialog.addEventListener("pointerdown", (event) => {
  if (drawn || !photo() || event.button || !event.target.closest(".stage")) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  first = fingers.size === 1 ? [event.clientX, event.clientY, event.pointerType] : null;
  spread = fingers.size === 2 ? apart([...fingers.values()]) : 0;
  if (level > 1 || fingers.size > 1) stage().setPointerCapture(event.pointerId);
});
dialog.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  fingers.set(event.pointerId, [event.clientX, event.clientY]);
  const all = [...fingers.values()];
  if (all.length === 2) {
    const now = apart(all);
    if (spread) zoomTo(level * now / spread, [(all[0][0] + all[1][0]) / 2, (all[0][1] + all[1][1]) / 2]);
    spread = now;
  } else if (level > 1) {
    shift = [shift[0] + event.clientX - before[0], shift[1] + event.clientY - before[1]];
    place();
  }
});
function lift(event) {
  const from = first, swiped = fingers.delete(event.pointerId) && from && level === 1 && event.type === "pointerup";
  first = null;
  spread = 0;
  if (!swiped || from[2] === "mouse") return;
  const across = event.clientX - from[0], down = event.clientY - from[1];
  if (Math.abs(across) > SWIPE_PX && Math.abs(across) > 2 * Math.abs(down))
    dialog.querySelector(across < 0 ? "[data-act=on]" : "[data-act=back]")?.click();
}
for (const type of ["pointerup", "pointercancel"]) dialog.addEventListener(type, lift);
const MEDIA = { narrow: matchMedia("(max-width: 760px)"), still: matchMedia("(prefers-reduced-motion: reduce)") };
function suit() {
  for (const [name, query] of Object.entries(MEDIA)) dialog.classList.toggle(name, query.matches);
  place();
}
addEventListener("resize", suit);
suit();

const ZOOMS = { in: () => zoomTo(level * STEP), out: () => zoomTo(level / STEP), fit };
const ZOOM_KEYS = { "+": ZOOMS.in, "=": ZOOMS.in, "-": ZOOMS.out, 0: fit };
function pan(event) {  // Shift and an arrow moves a photo that is zoomed
  const way = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (!way || !event.shiftKey || level === 1) return false;
  shift = shift.map((at, n) => at + PAN_PX * way[n]);
  place();
  return true;
}
