"""A script for pages whose news come late, as on a busy machine. KIND is the news that do: of Gradio's messages one."""

LATE_NEWS = """
const plain = window.fetch;  // news of this kind comes three seconds late, as on a busy machine
window.fetch = async (...args) => {
  const response = await plain(...args);
  if (!(args[0]?.url ?? String(args[0])).includes("queue/data")) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream({ async pull(controller) {
    const { done, value } = await reader.read();
    if (done) { controller.close(); return; }
    const text = new TextDecoder().decode(value), at = text.indexOf('data: {"msg":"KIND"');
    if (at < 0) { controller.enqueue(value); return; }
    controller.enqueue(new TextEncoder().encode(text.slice(0, at)));
    await new Promise((go) => setTimeout(go, 3000));
    controller.enqueue(new TextEncoder().encode(text.slice(at)));
  } });
  return new Response(body, { status: response.status, headers: response.headers });
};
"""
