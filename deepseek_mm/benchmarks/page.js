// What `bench page` measures with, inside the page: from the event of the user's hand, by the browser's own clock, to
// the frame in which what was waited for is there. Whoever asks from outside would measure the asking too.
window.bench = (() => {
  const isSeen = (element) => {
    if (!element?.checkVisibility?.()) return false;
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0;
  };
  const seen = (selector, root = document) => [...root.querySelectorAll(selector)].filter(isSeen);
  const panel = () => seen("[role=tabpanel]")[0];
  const photos = () => seen(".grid img", panel() ?? document).filter((image) => image.complete && image.naturalWidth);
  const items = () => [...(panel() ?? document).querySelectorAll(".grid li")];
  const talk = () => seen(".exchange", panel() ?? document);
  const said = () => talk().at(-1)?.querySelector(".say")?.textContent ?? "";
  const isRunning = () => !!talk().at(-1)?.querySelector(".answered.running");
  const CONTENT = "button, input, textarea, select, img, h2, h3, p, label, li, a";

  // Each is called when the wait begins, and gives what is asked in every frame: is it there?
  const WAITS = {
    usable: () => () => seen(".box textarea:not([disabled])").length > 0 && seen(".head[data-ready]").length > 0,
    tab: () => { const before = panel(); return () => panel() && panel() !== before && seen(CONTENT, panel()).length > 0; },
    found: () => () => seen(".grid li", panel() ?? document).length > 0,
    photo: () => () => photos().length > 0,
    framed: () => () => {  // every tile of the timeline that is in view shows its photo
      const pane = seen(".frames")[0]?.getBoundingClientRect();
      const inside = seen(".frame").filter((tile) => {
        const { top, bottom } = tile.getBoundingClientRect();
        return pane && bottom > pane.top && top < pane.bottom;
      });
      return inside.length > 0 && inside.every((tile) => tile.querySelector("img")?.complete);
    },
    more: () => { const before = items().length; return () => items().length > before; },
    counted: (count) => {
      const before = panel();
      const texts = [String(count), count.toLocaleString("en-US")];
      return () => panel() !== before && texts.some((text) => (panel()?.textContent ?? "").includes(text));
    },
    talk: () => { const before = panel(), old = talk()[0]; return () => talk().length > 0 && (panel() !== before || talk()[0] !== old); },
    word: () => {
      const before = talk().at(-1)?.dataset.turn, count = talk().length;
      let first = null;
      return () => {
        if (talk().length <= count && talk().at(-1)?.dataset.turn === before) return false;
        first ??= said();
        return said() !== first || !isRunning();
      };
    },
    answered: () => () => !isRunning(),
  };
  let waiting = [];

  // The event `type` starts the clock; without one it starts at once. -1 is a wait in vain.
  function arm(what, type, limit, ...more) {
    const there = WAITS[what](...more);
    waiting.push(new Promise((resolve) => {
      const vain = setTimeout(() => resolve(-1), limit);
      const begin = (start) => {
        const look = () => {
          if (!there()) { requestAnimationFrame(look); return; }
          clearTimeout(vain);
          resolve(performance.now() - start);
        };
        requestAnimationFrame(look);
      };
      if (type) addEventListener(type, (event) => begin(event.timeStamp), { capture: true, once: true });
      else begin(performance.now());
    }));
  }
  function wait() {  // milliseconds of every wait that was armed
    const all = Promise.all(waiting);
    waiting = [];
    return all;
  }

  const loads = WAITS.usable();
  let usable = 0;
  const look = () => { if (loads()) usable = performance.now(); else requestAnimationFrame(look); };
  requestAnimationFrame(look);
  performance.setResourceTimingBufferSize(2000);

  async function loaded() {
    const painted = () => performance.getEntriesByName("first-contentful-paint")[0];
    for (let tries = 0; tries < 100 && !painted(); tries += 1) await new Promise((go) => setTimeout(go, 20));  // told late
    const sent = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    const paint = painted()?.startTime ?? 0;
    return { paint, usable, sent: sent.reduce((sum, entry) => sum + entry.transferSize, 0) };
  }

  function scroller() {
    for (let each = items()[0]; each; each = each.parentElement)
      if (each.scrollHeight > each.clientHeight + 4 && /auto|scroll/.test(getComputedStyle(each).overflowY)) return each;
    return document.scrollingElement;
  }
  // Results that are unlikely come when somebody presses for them, the others as soon as the end comes near.
  const press = () => {
    const button = seen("[data-act=more].unlikely", panel() ?? document)[0];
    button?.click();
    return Boolean(button);
  };
  const end = () => { items().at(-1)?.scrollIntoView({ block: "end", behavior: "instant" }); press(); };

  // Down through the results, `step` pixels a frame, until `count` of them were passed or no more come.
  function scroll(count, step, limit) {
    const gaps = [], begun = performance.now(), area = scroller();
    let last = begun, moved = begun, asked = 0; // with how many results more were asked for: once
    return new Promise((resolve) => {
      const frame = () => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        const before = area.scrollTop;
        area.scrollBy({ top: step, behavior: "instant" });
        const found = items();
        if (area.scrollTop > before) moved = now;
        else if (found.length > asked && press()) asked = found.length;
        const isPassed = found.length >= count && found[count - 1].getBoundingClientRect().top < innerHeight;
        if (isPassed || now - moved > limit) resolve({ seconds: (moved - begun) / 1000, gaps, results: found.length });
        else requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
  }

  // Down the timeline for some frames; then to its end and back by the scrubber. What blocked the page longest is told.
  function glide(frames, step) {
    const area = seen(".frames")[0], scrubber = seen(".scrubber")[0], gaps = [], tasks = [0];
    const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries().map((entry) => entry.duration)));
    observer.observe({ type: "longtask" });
    const jump = (value) => { scrubber.value = value; scrubber.dispatchEvent(new Event("input", { bubbles: true })); };
    let last = performance.now();
    return new Promise((resolve) => {
      const frame = () => {
        const now = performance.now();
        gaps.push(now - last);
        last = now;
        if (scrubber && gaps.length === Math.floor(frames / 2)) jump(scrubber.max);
        else if (scrubber && gaps.length === Math.floor(frames * 3 / 4)) jump(Math.floor(scrubber.max / 2));
        else area.scrollBy({ top: step, behavior: "instant" });
        if (gaps.length < frames) requestAnimationFrame(frame);
        else setTimeout(() => { observer.disconnect(); resolve({ gaps, longest: Math.max(...tasks) }); }, 300);
      };
      requestAnimationFrame(frame);
    });
  }
  return { arm, glide, end, loaded, scroll, wait, isUsable: () => usable > 0 };
})();
