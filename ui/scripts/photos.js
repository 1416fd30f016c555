// The Photos tab. The timeline draws the tiles that are in view, however many photos there are; the others are numbers
// of months. What is chosen is kept here, by id, and goes along with each press in the bar.
const GAP = 6, HEAD = 42, LEAST = 150, QUICK = 5;  // px; px a millisecond at which pictures wait
const chosen = new Set();
let reel = null, token = "", at = 0, picked = -1;

const say = (act, what, text = "") => trigger("click", { act, what: String(what), text, sent: performance.now() });
const one = (selector) => element.querySelector(selector);

element.addEventListener("click", (event) => {
  const tile = event.target.closest(".frame");
  if (tile && reel) {
    const number = Number(tile.dataset.number);
    if (event.target.closest(".pick")) { event.preventDefault(); pick(number, event.shiftKey); }
    else if (event.target.closest("button.look")) { if (event.shiftKey) pick(number, true); else say("open", number); }
    return;
  }
  const button = event.target.closest("[data-act]");
  if (!button || button.disabled) return;
  const { act, what } = button.dataset;
  if (act === "all") chooseAll();
  else if (act === "none") { chosen.clear(); mark(); reel?.focus(at); }
  else if (act.startsWith("share_")) say(act, [...chosen].join(","), one(".with-places input").checked ? "places" : "");
  else say(act, button.closest(".picked") ? [...chosen].join(",") : what, button.closest(".typed")?.querySelector("input").value);
});
element.addEventListener("change", (event) => {
  if (event.target.matches("select.stars") && event.target.value !== "") say("stars", [...chosen].join(","), event.target.value);
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.isComposing && event.target.matches(".typed input")) {
    event.preventDefault();
    event.target.closest(".typed").querySelector("[data-act]").click();
  }
  if (!reel || !event.target.matches("button.look") || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === " ") { event.preventDefault(); pick(at, event.shiftKey); return; }
  const to = reel.target(event.key, at);
  if (to === undefined) return;
  event.preventDefault();
  reel.focus(to);
});
element.addEventListener("keyup", (event) => {  // a button is pressed when Space comes up again
  if (event.key === " " && event.target.matches("button.look")) event.preventDefault();
});

// Choosing: one; or with Shift all between it and the one before.
async function pick(number, isRange) {
  const id = reel.item(number)?.id;
  if (id === undefined) return;
  if (isRange && picked >= 0) {
    const [from, to] = [Math.min(picked, number), Math.max(picked, number)];
    for (let start = from; start <= to; start += 400)
      for (const each of (await reel.fetch(start, Math.min(400, to - start + 1), true)).ids ?? []) chosen.add(each);
  } else if (chosen.has(id)) chosen.delete(id);
  else chosen.add(id);
  picked = number;
  mark();
}
async function chooseAll() {
  const here = reel;
  for (let start = 0; here && start < here.total; start += 400)
    for (const each of (await here.fetch(start, 400, true)).ids ?? []) chosen.add(each);
  if (here === reel) mark();
}
function mark() {
  reel?.mark();
  const bar = one(".picked");
  if (!bar) return;
  bar.hidden = !chosen.size;
  const count = bar.querySelector(".count"), ask = bar.querySelector("[data-act=ask]");
  count.textContent = chosen.size ? count.dataset.text.replace("{count}", chosen.size) : "";
  ask.disabled = chosen.size > Number(ask.dataset.most);
  ask.textContent = ask.disabled ? ask.dataset.over : ask.dataset.text;
}

class Reel {
  constructor(frame) {
    this.frame = frame;
    this.pane = frame.querySelector(".frames");
    this.sheet = frame.querySelector(".sheet");
    this.scrubber = frame.querySelector(".scrubber");
    this.label = frame.querySelector(".month-at");
    this.words = JSON.parse(frame.dataset.words);
    this.part = Number(frame.dataset.part);
    const named = new Intl.DateTimeFormat(document.documentElement.lang, { year: "numeric", month: "long" });
    let first = 0;
    this.months = JSON.parse(frame.dataset.months).map(([year, month, count]) => {
      const name = this.words.plain ? "" : year ? named.format(new Date(year, month - 1)) : this.words.undated;
      first += count;
      return { name, count, first: first - count };
    });
    this.total = first;
    this.parts = new Map();  // number of a part -> its items, or null while they are on their way
    this.nodes = new Map();  // key -> element in the sheet
    this.lastTop = this.lastTime = 0;
    this.parts.set(0, JSON.parse(frame.dataset.items));
    this.pane.addEventListener("scroll", () => this.draw(), { passive: true });
    this.scrubber.addEventListener("input", () => { this.pane.scrollTop = this.months[this.scrubber.value].top; });
    this.sheet.addEventListener("focusin", (event) => {
      const tile = event.target.closest(".frame");
      if (tile) { at = Number(tile.dataset.number); this.rove(); }
    });
    this.watcher = new ResizeObserver(() => this.lay());
    this.watcher.observe(this.pane);
  }
  close() { this.watcher.disconnect(); }

  // Where everything lies. A width of 0 is a tab that is not in view.
  lay() {
    const width = this.pane.clientWidth;
    if (!width || width === this.width) return;
    const before = this.width ? this.numberAt(this.pane.scrollTop) : -1;
    this.width = width;
    this.cols = Math.max(3, Math.floor((width + GAP) / (LEAST + GAP)));
    this.side = (width - (this.cols - 1) * GAP) / this.cols;
    this.row = this.side + GAP;
    let top = 0;
    for (const month of this.months) {
      month.top = top;
      month.head = month.name ? HEAD : 0;
      top += month.head + Math.ceil(month.count / this.cols) * this.row;
    }
    this.height = top;
    this.sheet.style.height = `${top}px`;
    for (const node of this.nodes.values()) node.remove();
    this.nodes.clear();
    if (before > 0) this.pane.scrollTop = this.place(before).top;
    this.draw();
  }
  monthAt(top) {
    let low = 0, high = this.months.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.months[middle].top <= top) low = middle; else high = middle - 1;
    }
    return low;
  }
  monthOf(number) {
    let low = 0, high = this.months.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.months[middle].first <= number) low = middle; else high = middle - 1;
    }
    return this.months[low];
  }
  place(number) {
    const month = this.monthOf(number), n = number - month.first;
    return {
      left: (n % this.cols) * this.row,
      top: month.top + month.head + Math.floor(n / this.cols) * this.row,
    };
  }
  numberAt(top) {  // the first photo of the row there
    const month = this.months[this.monthAt(top)];
    const row = Math.max(0, Math.floor((top - month.top - month.head) / this.row));
    return Math.min(month.first + month.count - 1, month.first + row * this.cols);
  }

  draw() {
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => { this.asked = 0; this.render(); });
  }
  render() {
    if (!this.width || !this.frame.isConnected) return;
    const top = this.pane.scrollTop, view = this.pane.clientHeight, margin = view / 2;
    const now = performance.now();
    const isQuick = Math.abs(top - this.lastTop) > QUICK * (now - this.lastTime);
    this.lastTop = top;
    this.lastTime = now;
    const wanted = new Map();
    const firstMonth = this.monthAt(Math.max(0, top - margin));
    for (let m = firstMonth; m < this.months.length && this.months[m].top < top + view + margin; m += 1) {
      const month = this.months[m];
      if (month.head) wanted.set(`m${m}`, () => this.heading(month));
      const from = Math.max(0, Math.floor((top - margin - month.top - month.head) / this.row)) * this.cols;
      const end = Math.min(month.count, Math.ceil((top + view + margin - month.top - month.head) / this.row) * this.cols);
      for (let n = from; n < end; n += 1) wanted.set(month.first + n, null);
    }
    for (const [key, node] of this.nodes)
      if (!wanted.has(key) && !node.contains(document.activeElement)) { node.remove(); this.nodes.delete(key); }
    for (const [key, make] of wanted)
      if (!this.nodes.has(key)) {
        const node = make ? make() : this.tile(key);
        this.nodes.set(key, node);
        this.sheet.append(node);
      }
    this.showMonth(this.monthAt(top + 1));
    clearTimeout(this.later);
    if (isQuick) this.later = setTimeout(() => this.load(), 60); else this.load();
  }
  heading(month) {
    const node = document.createElement("h3");
    node.textContent = month.name;
    node.style.transform = `translateY(${month.top}px)`;
    return node;
  }
  tile(number) {
    const node = document.createElement("div"), { left, top } = this.place(number);
    node.className = "frame";
    node.dataset.number = number;
    node.style.cssText = `transform: translate(${left}px, ${top}px); width: ${this.side}px; height: ${this.side}px`;
    const button = document.createElement("button"), box = document.createElement("input");
    button.type = "button";
    button.className = "look";
    button.tabIndex = number === at ? 0 : -1;
    box.type = "checkbox";
    box.className = "pick";
    box.tabIndex = -1;
    node.append(button, box);
    return node;
  }
  fill(node, item) {
    const button = node.firstChild, box = node.lastChild;
    const said = [item.name, item.at || this.words.undated];
    if (item.group) said.push(item.group);
    if (item.length) said.push(this.words.video.replace("{time}", item.length));
    if (item.favourite) said.push(this.words.favourite);
    if (item.offline) said.push(this.words.offline);
    node.classList.toggle("away", item.offline);
    if (item.stars) said.push(this.words.star[item.stars === 1 ? 0 : 1].replace("{count}", item.stars));
    button.setAttribute("aria-label", said.join(", "));
    button.title = said.join(", ");
    const image = new Image();
    image.alt = "";
    image.decoding = "async";
    image.src = item.src;
    button.replaceChildren(image);
    const sign = (look, text) => {
      const sign = document.createElement("span");
      sign.className = look;
      sign.textContent = text;
      sign.setAttribute("aria-hidden", "true");
      button.append(sign);
    };
    if (item.favourite || item.stars) sign("said-of", `${item.favourite ? "\u2665" : ""}${"\u2605".repeat(item.stars)}`);
    if (item.length) sign("clip-length", `\u25b6 ${item.length}`);
    if (item.group) sign("group-badge", item.group);
    box.setAttribute("aria-label", this.words.choose.replace("{name}", item.name));
    node.dataset.id = item.id;
    this.markOne(node);
  }
  markOne(node) {
    const has = chosen.has(Number(node.dataset.id));
    node.classList.toggle("ticked", has);
    node.lastChild.checked = has;
  }
  mark() {
    for (const node of this.nodes.values()) if (node.dataset.id) this.markOne(node);
    this.frame.classList.toggle("choosing", chosen.size > 0);
  }

  item(number) { return this.parts.get(Math.floor(number / this.part))?.[number % this.part]; }
  async fetch(start, count, onlyIds = false) {
    const { view, order } = this.frame.dataset;
    const asked = new URLSearchParams({ view, order, start, count, ...(onlyIds ? { only: "ids" } : {}) });
    try {
      const answer = await fetch(`tiles?${asked}`);
      return answer.ok ? await answer.json() : {};
    } catch { return {}; }  // asked for again when it comes into view again
  }
  load() {  // what is known of the tiles in view is shown, the rest is fetched
    const missing = new Set();
    for (const [key, node] of this.nodes) {
      if (typeof key !== "number" || node.dataset.id) continue;
      const item = this.item(key), part = Math.floor(key / this.part);
      if (item) this.fill(node, item); else if (!this.parts.has(part)) missing.add(part);
    }
    for (const part of missing) {
      this.parts.set(part, null);
      this.fetch(part * this.part, this.part).then(({ items }) => {
        if (items) { this.parts.set(part, items); this.load(); } else this.parts.delete(part);
      });
    }
  }
  refresh() {
    this.parts.clear();
    for (const [key, node] of this.nodes) if (typeof key === "number") delete node.dataset.id;
    this.load();
  }
  showMonth(m) {
    if (this.scrubber.value !== String(m)) this.scrubber.value = m;
    const { name } = this.months[m];
    this.scrubber.setAttribute("aria-valuetext", name);
    if (this.label.textContent !== name) this.label.textContent = name;
    this.label.hidden = !name || this.months.length < 2;
  }

  // Keys.
  target(key, from) {
    const last = this.total - 1, step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    if (step) return Math.min(last, Math.max(0, from + step));
    if (key === "Home") return 0;
    if (key === "End") return last;
    const rows = Math.max(1, Math.floor(this.pane.clientHeight / this.row));
    const down = { ArrowUp: -1, ArrowDown: 1, PageUp: -rows, PageDown: rows }[key];
    if (!down) return undefined;
    let to = from;
    for (let n = 0; n < Math.abs(down); n += 1) to = this.beside(to, Math.sign(down));
    return to;
  }
  beside(number, way) {  // the photo above or below it
    const month = this.monthOf(number), n = number - month.first, column = n % this.cols;
    const row = Math.floor(n / this.cols) + way, rows = Math.ceil(month.count / this.cols);
    if (row >= 0 && row < rows) return month.first + Math.min(month.count - 1, row * this.cols + column);
    const next = this.months[this.months.indexOf(month) + way];
    if (!next) return number;
    const start = way > 0 ? 0 : (Math.ceil(next.count / this.cols) - 1) * this.cols;
    return next.first + Math.min(next.count - 1, start + column);
  }
  focus(number) {
    at = number;
    const { top } = this.place(number), pane = this.pane;
    if (top < pane.scrollTop + HEAD) pane.scrollTop = Math.max(0, top - HEAD);
    else if (top + this.row > pane.scrollTop + pane.clientHeight) pane.scrollTop = top + this.row - pane.clientHeight;
    this.render();
    this.nodes.get(number)?.firstChild.focus({ preventScroll: true });
    this.rove();
  }
  rove() {
    for (const [key, node] of this.nodes) if (typeof key === "number") node.firstChild.tabIndex = key === at ? 0 : -1;
  }
}

document.addEventListener("click", (event) => {  // in the large view
  if (event.target.closest?.("dialog.viewer [data-act=favourite], dialog.viewer [data-act=stars]")) setTimeout(() => reel?.refresh(), 700);
});

watch("value", () => {
  const frame = one(".reel"), before = reel;
  const same = before && frame && before.frame.dataset.view === frame.dataset.view;
  const top = same ? before.pane.scrollTop || before.lastTop : 0;
  before?.close();
  reel = null;
  if (!same || frame.dataset.token !== token) { chosen.clear(); picked = -1; }
  if (!same) at = 0;
  token = frame?.dataset.token ?? "";
  if (!frame) return;
  reel = new Reel(frame);
  reel.lay();
  if (top) { reel.pane.scrollTop = top; reel.draw(); }
  mark();
});
