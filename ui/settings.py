"""The Settings tab: what answers here, and what can be chosen."""

from dataclasses import dataclass

import gradio as gr

from deepseek_mm import Assistant
from ui.piece import piece
from ui.words import Words


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What happens in the Settings tab."""

    assistant: Assistant
    words: Words


@dataclass(frozen=True, kw_only=True)
class SettingsTab:
    """Where things are in the tab."""

    setting: Setting
    facts: gr.HTML

    @classmethod
    def place(cls, setting: Setting) -> "SettingsTab":
        """Put the tab on the page that is being built."""
        return cls(setting=setting, facts=piece(listens=""))

    def join(self, tab: gr.Tab) -> None:
        """Connect the components with the handlers."""
