// A folder that is dropped where files go: Gradio takes files only, so what lies in it is handed on as if it was chosen.
const DROPPED = { most: 2000 };  // files; a larger folder is better named by its path

// Every file below an entry of a drop, but hidden ones; a folder that cannot be read has none.
async function filesIn(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return new Promise((done) => entry.file((file) => done([file]), () => done([])));
  const reader = entry.createReader(), found = [];
  for (;;) {  // a hundred at a time
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) return found;
    for (const each of some) {
      found.push(...await filesIn(each));
      if (found.length > DROPPED.most) return found;
    }
  }
}

// As a hand would: Gradio listens for both events.
function enter(field, value) {
  const kind = field.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
  Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(field, value);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Below the area, until the next drop.
function tell(area, text) {
  area.parentElement.querySelector(".dropped")?.remove();
  const line = Object.assign(document.createElement("p"), { className: "hint dropped", role: "status", textContent: text });
  if (text) area.after(line);
}

document.addEventListener("drop", async (event) => {
  const area = event.target.closest?.(".drop"), input = area?.querySelector("input[type=file]");
  const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const folders = entries.filter((entry) => entry.isDirectory);
  if (!input || !folders.length) return;
  event.preventDefault();
  event.stopPropagation();
  const files = (await Promise.all(entries.map(filesIn))).flat();
  const refused = files.length > DROPPED.most ? PAGE.drop.large : files.length ? "" : PAGE.drop.empty;
  tell(area, refused);
  if (refused) return;
  const chosen = new DataTransfer();
  files.forEach((file) => chosen.items.add(file));
  input.files = chosen.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  const collection = document.querySelector(".dropped-into textarea, .dropped-into input");
  if (collection && !collection.value && folders.length === 1) enter(collection, folders[0].name);
}, true);
