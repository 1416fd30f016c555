// Results that would be lost. Gradio's server closes a page's stream of results when no event of the page is awaited any
// more, and the browser opens another one with the next event, if it knows that the last one is closed. An event that is
// sent while that news is on its way is answered into a stream that nobody reads, until some other event opens one: the
// page stands still (seen with Gradio 6.31 on a busy machine). So a stream whose end is announced while an event is sent
// or awaited is fetched anew, and goes on as if nothing had been said.
{
  const plain = window.fetch;
  const awaited = new Set(), early = new Set();  // ids of events: without a result yet; with one before the id was known
  let sending = Promise.resolve(), underway = 0;  // events on their way to the server

  window.fetch = async (...args) => {
    const address = String(args[0]?.url ?? args[0]).split("?")[0];
    if (address.endsWith("/queue/join")) return join(args);
    const response = await plain(...args);
    return address.endsWith("/queue/data") && response.ok ? lasting(response, args) : response;
  };

  async function join(args) {
    let sent;
    underway += 1;
    const before = sending;
    sending = new Promise((resolve) => { sent = resolve; }).then(() => before);
    try {
      const response = await plain(...args);
      const id = response.ok && (await response.clone().json()).event_id;
      if (id && !early.delete(id)) awaited.add(id);
      return response;
    } finally {
      underway -= 1;
      sent();
    }
  }

  function lasting(response, args) {
    const decoder = new TextDecoder(), encoder = new TextEncoder();
    let reader = response.body.getReader(), rest = "";
    const isOver = async (frame) => {
      if (!frame.includes('"close_stream"') && !frame.includes('"process_completed"')) return false;
      const message = JSON.parse(frame.slice(frame.indexOf("{")));
      if (message.msg === "process_completed" && !awaited.delete(message.event_id)) early.add(message.event_id);
      if (message.msg !== "close_stream") return false;
      if (underway) await sending;
      return true;
    };
    async function pull(controller) {
      for (let told = false; !told;) {
        const { done, value } = await reader.read();
        if (done) { controller.close(); return; }
        const frames = (rest + decoder.decode(value, { stream: true })).split("\n\n");
        rest = frames.pop();
        for (const frame of frames) {
          const again = (await isOver(frame)) && awaited.size ? await plain(...args) : null;
          if (again?.ok) reader = again.body.getReader();
          else { controller.enqueue(encoder.encode(`${frame}\n\n`)); told = true; }
        }
      }
    }
    const body = new ReadableStream({ pull, cancel: (reason) => reader.cancel(reason) });
    return new Response(body, { status: response.status, headers: response.headers });
  }
}
