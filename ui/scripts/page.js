// What the page does by itself, before and beside Gradio: language, theme, keys, names for what Gradio leaves nameless.

const KEPT = {
  // Storage that may be forbidden: then a choice lasts as long as the page.
  get(name) { try { return localStorage.getItem(name); } catch { return null; } },
  set(name, value) { try { localStorage.setItem(name, value); } catch { /* it keeps nothing */ } },
  here(name) { try { return sessionStorage.getItem(name) ?? ""; } catch { return ""; } },
  note(name, value) { try { sessionStorage.setItem(name, value); } catch { /* it keeps nothing */ } },
};

// Gradio's own few words follow the browser's language; on this page they follow the page's.
const SPOKEN = { en: "en-US", zh: "zh-CN" }[PAGE.language];
Object.defineProperty(navigator, "language", { get: () => SPOKEN });
Object.defineProperty(navigator, "languages", { get: () => [SPOKEN] });
document.documentElement.lang = SPOKEN;

const dark = matchMedia("(prefers-color-scheme: dark)");
const THEME = {
  get chosen() { return KEPT.get("deepseek-mm-theme") ?? "system"; },
  get isDark() { return this.chosen === "dark" || (this.chosen === "system" && dark.matches); },
  show() {
    if (!document.body) return;
    if (document.body.classList.contains("dark") !== this.isDark) document.body.classList.toggle("dark", this.isDark);
    document.documentElement.style.colorScheme = this.isDark ? "dark" : "light";
    for (const button of document.querySelectorAll("[data-theme-choice]"))
      if (button.ariaPressed !== String(button.dataset.themeChoice === this.chosen))
        button.ariaPressed = button.dataset.themeChoice === this.chosen;
  },
  choose(theme) { KEPT.set("deepseek-mm-theme", theme); this.show(); },
};
dark.addEventListener("change", () => THEME.show());

function speak(language) {
  document.cookie = `language=${language}; path=/; max-age=31536000; SameSite=Lax`;
  location.assign(`/${language}/`);
}

document.addEventListener("click", (event) => {
  const chosen = event.target.closest?.("[data-theme-choice], [data-language-choice]");
  if (chosen?.dataset.themeChoice) THEME.choose(chosen.dataset.themeChoice);
  if (chosen?.dataset.languageChoice) speak(chosen.dataset.languageChoice);
  const copy = event.target.closest?.("[data-copy]");
  if (copy) take(copy);
  const to = event.target.closest?.("[data-open-tab]");
  if (to) openTab(to.dataset.openTab);
  if (event.target.closest?.("[data-log-out]")) logOut();
});

// A form would be sent without saying where it comes from (Referrer-Policy), and be refused; a fetch says it.
async function logOut() {
  try { await fetch("/logout", { method: "POST", redirect: "manual" }); } finally { location.assign("/login"); }
}

// A button that copies a text says so for a moment.
async function take(button) {
  const text = button.dataset.copy, name = button.textContent;
  try { await navigator.clipboard.writeText(text); } catch { select(text); }
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = name; }, 1500);
}
function select(text) {  // where the clipboard is closed to pages (plain http from another machine)
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

// Ctrl+K goes to the search, Esc stops the answer (unless a dialog is open: it closes that).
const isShown = (element) => element?.checkVisibility?.();
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openTab("search");
    focusSoon(".search-box textarea");
  }
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    const stop = [...document.querySelectorAll("button.stop-answer")].find(isShown);
    if (stop) stop.click();
  }
});

function openTab(id) {
  const names = [...document.querySelectorAll('[role="tab"]')];
  names.find((tab) => tab.id === `${id}-button` || tab.getAttribute("data-tab-id") === id)?.click();
}

function focusSoon(selector, tries = 20) {
  const field = [...document.querySelectorAll(selector)].find(isShown);
  if (field) field.focus();
  else if (tries) setTimeout(() => focusSoon(selector, tries - 1), 50);
}

// What is sent before the page has arrived is sent when it has: until then nobody knows who asks, or whose the
// conversations are.
let early = null;
const hasArrived = () => document.querySelector(".head[data-ready]");
for (const type of ["keydown", "click"])
  document.addEventListener(type, (event) => {
    const past = type === "click" && event.target.closest?.("#history-button, [data-tab-id=history]");
    const box = event.target.closest?.(".box");
    const sends = type === "keydown" ? event.key === "Enter" && !event.shiftKey : event.target.closest?.(".submit-button");
    if (!(past || (box && sends)) || hasArrived()) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    early = past ? () => openTab("history") : () => box.querySelector(".submit-button")?.click();
  }, true);
function sendEarly() {
  if (!early || !hasArrived()) return;
  const send = early;
  early = null;
  send();
}

// What the API says in English, in the page's language, as far as that is known.
const SAID = new Map();
async function sayAll(texts) {
  const fresh = PAGE.language === "en" ? [] : [...new Set(texts)].filter((text) => !SAID.has(text));
  if (fresh.length) {
    try {
      const answer = await fetch(`said?${new URLSearchParams(fresh.map((text) => ["text", text]))}`);
      if (answer.ok) (await answer.json()).forEach((said, n) => SAID.set(fresh[n], said));
    } catch { /* it stays English */ }
  }
  return texts.map((text) => SAID.get(text) ?? text);
}

// Gradio's question box has a label that no textarea is tied to; where files are dropped it speaks English only.
function names() {
  for (const part of document.querySelectorAll(".drop button.upload-container, .drop input[type=file]")) {
    const name = part.closest(".drop").querySelector("[data-testid=block-label]")?.textContent.trim();
    if (name && part.getAttribute("aria-label") !== name) part.setAttribute("aria-label", name);
  }
  for (const box of document.querySelectorAll(".box textarea:not([aria-label])")) {
    const label = box.closest(".box").querySelector("[data-testid=block-info]");
    if (label) box.setAttribute("aria-label", label.textContent);
  }
  for (const [english, name] of Object.entries(PAGE.names))
    for (const part of document.querySelectorAll(`[aria-label="${english}"]`)) part.setAttribute("aria-label", name);
}

// Sections that fold stay as they were left, as long as this page is visited; ears hear whether one is open.
function folds() {
  for (const head of document.querySelectorAll(".label-wrap")) {
    const open = head.classList.contains("open"), part = head.closest(".fold");
    if (head.ariaExpanded !== String(open)) head.ariaExpanded = String(open);
    if (!part || head.dataset.known) continue;
    head.dataset.known = "yes";
    const kept = KEPT.here(`deepseek-mm-${part.id}`);
    if (kept && kept !== String(open)) setTimeout(() => head.click(), 200);  // once Gradio listens
    head.addEventListener("click", () => setTimeout(() => KEPT.note(`deepseek-mm-${part.id}`, String(head.classList.contains("open"))), 50));
  }
}
document.addEventListener("click", (event) => {  // of tabs that do not all fit the one that was chosen is seen whole
  event.target.closest?.('[role="tab"]')?.scrollIntoView({ block: "nearest", inline: "center" });
});

new MutationObserver(() => { names(); folds(); sendEarly(); THEME.show(); })
  .observe(document, { childList: true, subtree: true, attributes: true, attributeFilter: ["class"] });

// What a page tells the server when it loads: the browser's secret, this page's own name, where it was with its
// questions, and with those about code.
// (gr.BrowserState keeps values too, but reads its storage after the load event on a slow machine, and loses them.)
async function arrive() {
  const draw = () => btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(32))))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const isDrawn = (text) => /^[A-Za-z0-9_-]{43}$/.test(text ?? "");
  let secret = KEPT.get("deepseek-mm-session");
  if (!isDrawn(secret)) KEPT.set("deepseek-mm-session", (secret = draw()));
  let page = KEPT.here("deepseek-mm-page");
  if (!isDrawn(page) || !(await mine(page))) { page = draw(); await mine(page); }
  KEPT.note("deepseek-mm-page", page);
  return [secret, page, KEPT.here("deepseek-mm-at"), KEPT.here("deepseek-mm-at-code")];
}

// A tab that was duplicated has the name of the one that it was copied from, which still holds the name's lock.
function mine(page) {
  if (!navigator.locks) return true;
  return new Promise((resolve) => navigator.locks.request(
    `deepseek-mm-${page}`, { ifAvailable: true },
    (lock) => { resolve(!!lock); return lock ? new Promise(() => {}) : null; },
  ));
}
