"""The trainers of the language model: attention, experts, four-bit weights, and their packed training rows."""
