"""The API over HTTP: tasks that survive a kill, answers at once, and what clients of OpenAI already speak.

`api` joins the routes: `ask_routes` for whoever waits, `task_routes` for long work (`tasks`, `task_schemas`,
`task_handlers`, told of in `event_streams`), `shelves` with its `shelf_*`, `past`, `past_files`, `feedback`, `tuning`
and `about` (all that the page can do, as docs/api.md lists it), `openai`. `wire` and `wire_past` are records as JSON,
`paging` parts of lists and filters. `door`, `keys`, `login` and `pictures` decide who and what comes in,
`slow_client_limits`, `admission` and `disconnects` how long and how much; `problems` tells what went wrong; `health`,
`metrics` and `logs` tell how it goes. Beside HTTP, `mcp` gives agents the tools of `mcp_tools`.
"""
