// The service worker of the installed page. It keeps nothing: no answer, no picture, no file. Where the server cannot be
// reached it says so; what another app shares it holds until the page asks for it, or the browser ends it.
let shared = null;

const OFFLINE = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="10"><title>DeepSeek-MM</title>
<style>body{font:1.1rem system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;text-align:center}
p{margin:.4rem}a{color:inherit}@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}</style></head>
<body><main role="alert"><p>The server cannot be reached. Is it running, and is this device in its network?</p>
<p lang="zh">&#x65e0;&#x6cd5;&#x8fde;&#x63a5;&#x670d;&#x52a1;&#x5668;&#x3002;&#x5b83;&#x5728;&#x8fd0;&#x884c;&#x5417;&#xff1f;&#x6b64;&#x8bbe;&#x5907;&#x5728;&#x5b83;&#x7684;&#x7f51;&#x7edc;&#x91cc;&#x5417;&#xff1f;</p><p><a href="">Try again / &#x91cd;&#x8bd5;</a></p></main></body></html>`;
const HEADERS = {
  "Content-Type": "text/html; charset=utf-8",
  "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  "Cache-Control": "no-store",
};

// The pictures stay on this device until somebody asks about them: the server is only asked for the page.
async function hold(request) {
  const form = await request.formData();
  const said = ["title", "text", "url"].map((name) => form.get(name)).filter(Boolean).join("\n");
  shared = { files: form.getAll("pictures").filter((file) => file.size), text: said };
  return Response.redirect("/?shared=1", 303);
}

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data !== "shared") return;
  event.source.postMessage({ shared });
  shared = null;
});
self.addEventListener("fetch", (event) => {
  const { method, mode, url } = event.request;
  if (method === "POST" && new URL(url).pathname === "/share") event.respondWith(hold(event.request));
  else if (mode === "navigate" && method === "GET") {
    event.respondWith(fetch(event.request).catch(() => new Response(OFFLINE, { status: 503, headers: HEADERS })));
  }
});
