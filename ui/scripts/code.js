// Code in answers (after chat.js): a block is run when its button is pressed, by POST /run, and stopped by hanging up. What
// it printed is kept here and put back below its block whenever the conversation is drawn anew.
const runs = new Map();  // the key of a block -> { button, shown, stop }: what stands below it, and how it is ended
const words = () => JSON.parse(talk().dataset.words);
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
function made(tag, name, ...inside) {
  const part = document.createElement(tag);
  part.className = name;
  part.append(...inside);
  return part;
}

element.addEventListener("click", (event) => {
  const block = event.target.closest(".program-block"), key = block?.dataset.key;
  const button = event.target.closest("[data-run]");
  if (button && !runs.get(key)?.stop) run(key, button.dataset.run, block.querySelector("code").textContent);
  if (event.target.closest("[data-stop]")) runs.get(key)?.stop?.abort();
});

async function run(key, language, code) {
  const told = words(), stop = new AbortController(), began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  const clock = made("span", "hint"), halt = made("button", "small", told.stop);
  halt.type = "button";
  halt.dataset.stop = "";
  runs.set(key, { stop, shown: made("div", "foot", clock, " ", halt) });
  const tick = () => { clock.textContent = `${told.running} ${seconds()} s`; };
  const ticking = setInterval(tick, 100);
  tick();
  place();
  let shown;
  try {
    const body = JSON.stringify({ code, language }), headers = { "Content-Type": "application/json" };
    const answer = await fetch("/run", { method: "POST", body, headers, signal: stop.signal });
    const said = await answer.json();
    shown = answer.ok ? await ran(said, told) : made("p", "notice", said.detail ? (await sayAll([said.detail]))[0] : told.lost);
  } catch {
    shown = stop.signal.aborted ? made("p", "foot", filled(told.stopped, { seconds: seconds() })) : made("p", "notice", told.lost);
  }
  clearInterval(ticking);
  runs.set(key, { shown });
  place();
}

async function ran(said, told) {
  const values = { code: said.exit, seconds: said.seconds.toFixed(2), limit: told.limits[said.ended_by] ?? said.ended_by };
  const line = made("p", "foot", filled(said.ended_by ? told.ended : told.exit, values));
  const printed = [["out", said.stdout], ["err", said.stderr]].filter(([, text]) => text).map(([name, text]) => {
    const part = made("pre", name, text);
    part.tabIndex = 0;
    return part;
  });
  const held = said.protections.filter((each) => each.holds).length;
  const named = await sayAll(said.protections.flatMap((each) => [each.name, each.how]));
  const walls = said.protections.map((each, n) => made("li", each.holds ? "" : "lacks",
    `${named[2 * n]}: ${each.holds ? told.holds : told.lacks} (${named[2 * n + 1]})`));
  const all = made("details", "walls", made("summary", "hint", filled(told.walls, { held, all: walls.length })), made("ul", "hint", ...walls));
  return made("div", "", ...(printed.length ? printed : [made("p", "foot", told.silent)]), line, all);
}

function place() {
  for (const block of element.querySelectorAll(".program-block")) {
    const { shown, stop } = runs.get(block.dataset.key) ?? {}, room = block.querySelector(".ran");
    if (!shown || room.firstChild === shown) continue;
    room.replaceChildren(shown);
    const button = block.querySelector("[data-run]");
    button.disabled = !!stop;
    if (!stop) button.textContent = words().again;
  }
  settle();
}
watch("value", place);
