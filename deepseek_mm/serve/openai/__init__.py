"""The endpoints that clients of OpenAI know: chat, texts, embeddings, models. `routes.openai_routes` joins them.

`wire` and `fields` read what comes, `messages` makes a question of it, `grounded` and `plain_model` answer (`pieces`),
`text_limits` says how much, `tokens` counts, `replies` puts it on the wire, `embeddings` gives vectors, `completions`
goes on with texts (`wire_text`), `catalogue` names the models, `errors` has the shape of errors.
"""
