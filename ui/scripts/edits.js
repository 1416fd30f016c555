// A change that somebody has just wished for, or opened, comes into view.
let shown = "";
watch("value", () => {
  const now = element.querySelector(".edit")?.dataset.id ?? "";
  if (now && now !== shown) element.scrollIntoView({ block: "nearest" });
  shown = now;
});
