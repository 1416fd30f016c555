"""How the page looks: pictures first, calm greys around them, one accent, the system's own fonts.

Nothing here is fetched: no web font, no style sheet of others.
"""

import gradio as gr

SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]

CSS = """
.gradio-container, .gradio-container .main { width: 100%; max-width: 1320px !important; margin: 0 auto !important; }
.gradio-container { padding: 0 !important; }
.gradio-container .main { padding: 14px 18px !important; }
.html-container { padding: 0 !important; }
.head h1 { font-size: 1.3rem; font-weight: 650; margin: 0; }
.head p, .hint, .foot { color: var(--body-text-color-subdued); margin: 0; font-size: .92rem; }
.foot { font-size: .82rem; }
.notice { border-left: 4px solid #d1243f; padding: 8px 12px; margin: 0; background: var(--background-fill-secondary); }
.notice, .hint, .chat .message, .why td, .listed label span { overflow-wrap: anywhere; }
.chat .message-content { white-space: pre-wrap; }
.chat .top-panel { display: none; }  /* its bin would empty the chat and leave the conversation */
.chat .placeholder-content { text-align: center; padding: 0 12px; }
.thumbs .grid-wrap { height: auto; min-height: 0; max-height: none; overflow: visible; padding: 8px; }
.thumbs .grid-container { grid-auto-rows: auto; grid-template-rows: none; padding: 0; }
.thumbs .gallery-item { height: auto; aspect-ratio: auto; }
.thumbs .thumbnail-item { display: flex; flex-direction: column; width: 100%; height: auto; aspect-ratio: auto; }
.thumbs .thumbnail-item img { width: 100%; height: auto; aspect-ratio: 4 / 3; object-fit: contain;
  background: var(--background-fill-secondary); }
.thumbs .caption-label { position: static; max-width: 100%; width: 100%; border: 0; border-radius: 0; text-align: left;
  overflow-wrap: anywhere; font-size: .8rem; }
.photo img { max-height: 70vh; object-fit: contain; }
table.why { width: 100%; border-collapse: collapse; font-size: .88rem; table-layout: fixed; }
table.why th, table.why td { text-align: left; vertical-align: top; padding: 6px 8px; border: 0 !important;
  border-bottom: 1px solid var(--border-color-primary) !important; }
table.why th:nth-child(2) { width: 5.5em; }
table.why tr.dropped td:first-child { text-decoration: line-through; color: var(--body-text-color-subdued); }
.thumbs .caption-label { white-space: pre-line; }
.thumbs.dim .thumbnail-item { opacity: .55; }
.thumbs.dim .thumbnail-item:hover, .thumbs.dim .thumbnail-item:focus-visible { opacity: 1; }
.passage { white-space: pre-wrap; overflow-wrap: anywhere; max-height: 50vh; overflow: auto; margin: 0; padding: 10px;
  font-size: .88rem; border: 1px solid var(--border-color-primary); background: var(--background-fill-secondary); }
.path, .job, .job p, .twins, dl.facts dd { overflow-wrap: anywhere; }
.gradio-container .prose h2 { font-size: 1.02rem; font-weight: 600; margin: 4px 0 0; }
.job { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 8px 12px; margin: 0 0 8px; }
.job header, ul.watched li { display: flex; gap: 10px; justify-content: space-between; align-items: start; }
.job header b { font-weight: 550; overflow-wrap: anywhere; min-width: 0; }
.job header .hint { white-space: nowrap; }
.job p { margin: 2px 0 0; font-size: .9rem; }
.job .at { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; direction: rtl; text-align: left; }
.job progress { width: 100%; height: 8px; accent-color: #2563eb; }
.job progress[value] { appearance: none; border: 0; border-radius: 4px; background: var(--border-color-primary); }
.job progress::-webkit-progress-bar { border-radius: 4px; background: var(--border-color-primary); }
.job progress::-webkit-progress-value { border-radius: 4px; background: #2563eb; }
.job progress::-moz-progress-bar { border-radius: 4px; background: #2563eb; }
.job ul { max-height: 40vh; overflow: auto; margin: 4px 0 8px; padding-left: 1.2em; font-size: .85rem; }
.job li, ul.watched li { overflow-wrap: anywhere; }
.job summary { cursor: pointer; font-size: .9rem; }
ul.watched { list-style: none; margin: 0; padding: 0; }
ul.watched li { padding: 4px 0; }
button.small { flex: none; padding: 2px 10px; border: 1px solid var(--border-color-primary); border-radius: 6px;
  font-size: .82rem; background: var(--button-secondary-background-fill); color: var(--body-text-color);
  cursor: pointer; }
button.small:hover { background: var(--button-secondary-background-fill-hover); }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 2px 16px; margin: 0; font-size: .9rem; }
dl.facts dt { color: var(--body-text-color-subdued); }
dl.facts dd { margin: 0; }
.listed .wrap { flex-direction: column; flex-wrap: nowrap; }
.listed label { width: 100%; }
@media (max-width: 640px) {
  .gradio-container .main { padding: 10px !important; }
  .head p { font-size: .82rem; }
  .thumbs .grid-container { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .box textarea::placeholder { white-space: nowrap; }
}
"""

# Gradio's question box has a label that no textarea is tied to, and calls thumbnails "Thumbnail 1 of 3".
NAMES_JS = """<script>
new MutationObserver(() => {
  for (const box of document.querySelectorAll(".box textarea:not([aria-label])"))
    box.setAttribute("aria-label", box.closest(".box").querySelector("[data-testid=block-info]").textContent);
  for (const item of document.querySelectorAll('.thumbs [aria-label^="Thumbnail "]')) {
    const caption = item.querySelector(".caption-label");
    if (caption) item.setAttribute("aria-label", caption.textContent);
  }
}).observe(document, { childList: true, subtree: true });
</script>"""


def calm() -> gr.themes.Base:
    """The theme, light and dark."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.gray,
        radius_size=gr.themes.sizes.radius_md,
        font=SANS,
        font_mono=MONO,
    )
    theme.set(
        body_background_fill="*neutral_50",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_shadow="none",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
    )
    return theme
