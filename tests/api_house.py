"""The whole API over a small library of painted photos."""

from contextlib import contextmanager
from dataclasses import replace

from rag_house import build, paint, put
from serve_help import As
from starlette.testclient import TestClient

from deepseek_mm.api.app import build_api
from deepseek_mm.config import ServeConfig
from deepseek_mm.settings_file import SettingsFile


@contextmanager
def served(folder, *, begin=True, lm=None, **numbers):
    """(api, client); `numbers` of its ServeConfig."""
    assistant = build(folder / "library", **({"lm": lm} if lm else {}))
    assistant.config = replace(assistant.config, serve=ServeConfig(**{"workers": 2, **numbers}))
    put(assistant, *(paint(folder / "photos", f"{name}.png", name) for name in ("red", "green")))
    api = build_api(assistant, SettingsFile.of(assistant.config))
    if begin:
        api.start()
    try:
        yield api, TestClient(As(api.app), raise_server_exceptions=False)
    finally:
        api.close()
        assistant.close()
