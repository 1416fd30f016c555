// The page as an app: its service worker, and what another app shared with it goes into the question box of Ask.
const SHARED = new URLSearchParams(location.search).has("shared");

// Gradio links to a manifest of its own, which is not there; a browser reads the first one alone.
function keepOwnManifest() {
  document.querySelectorAll('link[rel="manifest"]:not([href*="webmanifest"])').forEach((link) => link.remove());
}
keepOwnManifest();
addEventListener("DOMContentLoaded", keepOwnManifest);

function tellShared(text) {
  const box = document.querySelector(".box"), line = document.createElement("p");
  Object.assign(line, { className: "hint", textContent: text });
  line.setAttribute("role", "status");
  box.before(line);
}

// Gradio takes files as if they were chosen; a text is typed.
function takeShared({ files, text }) {
  const input = document.querySelector(".box input[type=file]"), area = document.querySelector(".box textarea");
  const chosen = new DataTransfer();
  files.filter((file) => file.type.startsWith("image/")).forEach((file) => chosen.items.add(file));
  if (chosen.items.length) {
    input.files = chosen.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }
  if (text) {
    Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text);
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
  if (!text && !chosen.items.length) tellShared(PAGE.share.empty);
}

async function claimShared() {
  history.replaceState(null, "", location.pathname);
  const worker = (await navigator.serviceWorker.ready).active;
  const told = new Promise((resolve) => {
    navigator.serviceWorker.addEventListener("message", (event) => "shared" in event.data && resolve(event.data.shared));
  });
  worker.postMessage("shared");
  const found = await told;
  if (found) takeShared(found);
  else tellShared(PAGE.share.gone);
}

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/worker.js").catch(() => {});  // over http from elsewhere there are none
  if (SHARED) {
    const waiting = new MutationObserver(() => {
      if (!document.querySelector(".head[data-ready]") || !document.querySelector(".box input[type=file]")) return;
      waiting.disconnect();
      claimShared();
    });
    waiting.observe(document.documentElement, { childList: true, subtree: true, attributes: true });
  }
}
