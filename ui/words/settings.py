"""Words of the Settings tab."""

from ui.words.word import Word


class SettingsWords:
    """What can be chosen, and what is so."""

    settings = Word("Settings", "设置")
