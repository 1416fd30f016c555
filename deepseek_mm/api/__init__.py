"""The API over HTTP: tasks that survive a kill, answers at once, and what clients of OpenAI already speak.

`app` joins the routes of `routes/` (as docs/api.md lists them) and `openai/`; `tasks` does long work, which
`event_streams` follows. `schemas` and `task_schemas` are records as JSON. `auth_middleware`, `credentials`, `login` and
`origins` decide who comes in, `limits` how long and how much, `request_pictures` which pictures; `problems` are the
errors, `logs` the log. `server` and `lifecycle` start and end it. Beside HTTP, `mcp_server` gives agents their tools.
"""
