"""The endpoints that clients of OpenAI know: chat, texts, embeddings, models. `routes.openai_routes` joins them.

`wire` and `fields` read what comes, `talk` makes a question of it, `grounded` and `bare` answer (`pieces`), `telling`
says how much, `tokens` counts, `replies` puts it on the wire, `embed` gives vectors, `complete` goes on with texts
(`wire_text`), `catalogue` names the models, `errors` has the shape of errors.
"""
