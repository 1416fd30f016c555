"""The endpoints that clients of OpenAI know: chat, texts, embeddings, models. `routes.openai_routes` joins them.

`schemas` are requests and answers, `errors` refuses fields and has the shape of errors, `messages` makes a question of
a chat, `models` names the models and answers, `replies` sends it, `embeddings` gives vectors.
"""
