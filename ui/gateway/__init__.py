"""What stands between a browser and the page's events: who asks, which rights, and which files.

`files` keeps the files of each browser under random ids, `file_data` finds them in what an event brings and returns,
`rights` says which right each event needs, `blocks` checks both before every event, and `routes` lets through what the
page uses of Gradio's routes.
"""
