"""What stands between a browser and the page's events: who asks, which rights, and which files.

`files` keeps the files of each browser under random ids and finds them in what an event brings and returns, `events`
says which right each event needs and checks both before every event, and `routes` lets through what the page uses of
Gradio's routes.
"""
