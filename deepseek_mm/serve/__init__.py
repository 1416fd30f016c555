"""The house over HTTP: tasks that survive, answers at once, and what other programs already speak.

`api` joins the routes: `tasks` and `events` (long work), `asking`, `shelves`, `past`, `tuning` (all that the page can
do), `openai` (what others speak). `door`, `keys`, `login` and `pictures` decide who and what comes in; `problems` tells
what went wrong; `health`, `metrics` and `logs` tell how it goes. Beside HTTP, `mcp` gives agents the tools of `hands`.
"""
