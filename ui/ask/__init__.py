"""The Ask tab: asking, the conversation as HTML, and the evidence beside an answer."""
