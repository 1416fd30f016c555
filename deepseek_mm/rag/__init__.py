"""From a question to a checked answer; `assistant` tells the whole story."""
