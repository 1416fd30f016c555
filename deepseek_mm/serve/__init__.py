"""The house over HTTP: tasks that survive, answers at once, and what other programs already speak.

`api` joins the routes: `tasks` and `events` (long work), `asking`, `shelves` with its `shelf_*`, `past`, `past_files`,
`feedback`, `tuning` and `about` (all that the page can do, as docs/api.md lists it), `openai` (what others speak).
`wire` and `wire_past` are records as JSON, `paging` parts of lists and filters, `described` what can be set. `door`,
`keys`, `login` and `pictures` decide who and what comes in; `problems` tells what went wrong; `health`, `metrics` and
`logs` tell how it goes. Beside HTTP, `mcp` gives agents the tools of `hands`.
"""
