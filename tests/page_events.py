"""A browser on paper: it uploads files and triggers events of the page over Gradio's own routes."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from starlette.routing import Mount
from starlette.testclient import TestClient

from deepseek_mm import RIGHTS
from ui.gateway.events import GuardedBlocks, needed_rights


def page_of(app: Any, language: str = "en") -> GuardedBlocks:
    """The page that an app serves in this language."""
    (mounted,) = (route for route in app.routes if isinstance(route, Mount) and route.path == f"/{language}")
    page = mounted.app.app.get_blocks()
    assert isinstance(page, GuardedBlocks)
    return page


def takes_files(block: Any) -> bool:
    """Whether a component's value can hold files."""
    return "FileData" in json.dumps(block.api_info()) if getattr(block, "data_model", None) else False


def events_with_files(page: GuardedBlocks) -> list[BlockFunction]:
    """Every event with such a component among its inputs."""
    return [event for event in page.fns.values() if any(map(takes_files, event.inputs))]


def label(event: BlockFunction) -> str:
    """What a test calls an event."""
    return f"{event._id}-{event.name}-{'-'.join(trigger for _, trigger in event.targets)}"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How an event ended."""

    success: bool
    data: list[Any] = field(default_factory=list)
    error: str = ""
    status: int = 200


@dataclass(kw_only=True)
class PageClient:
    """One open page of one browser."""

    client: TestClient
    page: GuardedBlocks
    language: str = "en"
    name: str = field(default_factory=lambda: secrets.token_hex(8))  # as Gradio's script draws one

    @property
    def base(self) -> str:
        return f"/{self.language}/gradio_api"

    def upload(self, name: str, content: bytes) -> str:
        """The id of what was uploaded."""
        answer = self.client.post(f"{self.base}/upload", files={"files": (name, content)})
        assert answer.status_code == 200, answer.text
        return str(answer.json()[0])

    def file(self, number: str) -> Any:
        """What the server answers at the address of a file."""
        return self.client.get(f"{self.base}/file={number}")

    def trigger(
        self, event: BlockFunction, values: Mapping[int, Any] | None = None, pressed: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Send an event with these values, by the place of the input; others are as they were at first."""
        data = [(values or {}).get(n, first_value(block)) for n, block in enumerate(event.inputs)]
        target = event.targets[0][0] if event.targets else None
        body = {"fn_index": event._id, "data": data, "session_hash": self.name, "trigger_id": target}
        joined = self.client.post(f"{self.base}/queue/join", json=body | {"event_data": pressed})
        if joined.status_code != 200:
            return Outcome(success=False, error=joined.text, status=joined.status_code)
        return self._outcome()

    def _outcome(self) -> Outcome:
        """What came, the views of a stream one after the other."""
        lines = self.client.get(f"{self.base}/queue/data", params={"session_hash": self.name}).text.splitlines()
        told = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:")]
        outputs = [each["output"] for each in told if each["msg"] in ("process_generating", "process_completed")]
        (ended,) = (each for each in told if each["msg"] == "process_completed")
        data = [value for output in outputs for value in output.get("data") or ()]
        return Outcome(success=ended["success"], data=data, error=str(ended["output"].get("error") or ""))


def first_value(block: Any) -> Any:
    """What a browser sends of a component that nobody touched; of states it knows nothing."""
    if block.stateful:
        return None
    empty = {"MultimodalTextbox": {"text": "", "files": []}, "Textbox": ""}
    value = getattr(block, "value", None)
    return empty.get(type(block).__name__) if value is None else value


def file_value(block: Any, *files: Mapping[str, Any]) -> Any:
    """These files as the value of a component."""
    if type(block).__name__ == "MultimodalTextbox":
        return {"text": "red", "files": [*files]}
    return [*files] if getattr(block, "file_count", "single") == "multiple" else files[0]


def named(path: object, **more: Any) -> dict[str, Any]:
    """An object that names a file, as a browser sends it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}, **more}


def handler_name(event: BlockFunction) -> str:
    """The handler of an event as the code calls it: "SearchTab._join.weigh"."""
    handler = event.fn
    while isinstance(handler, partial):
        handler = handler.func
    return str(getattr(handler, "__qualname__", "none")).replace("<locals>.", "")


def presses(event: BlockFunction) -> list[str]:
    """What may be pressed: "" is anything, the others are buttons with a right of their own."""
    return ["", *needed_rights(event.fn).acts] if event.fn is not None else []


def rows_of_events(page: GuardedBlocks) -> list[tuple[str, str]]:
    """A row (rights, what happens) for each event and each such button, as `rights_table` takes them."""
    rows = set()
    for event in page.fns.values():
        for act in presses(event):
            rights = sorted(needed_rights(event.fn).needed_for(act), key=RIGHTS.index)
            rows.add(("+".join(rights), f"{title_of(page, event)}{f': {act}' if act else ''}"))
    return sorted(rows)


def title_of(page: GuardedBlocks, event: BlockFunction) -> str:
    """The name of the button that triggers an event, or of its handler."""
    targets = [page.blocks.get(target or 0) for target, _ in event.targets]
    buttons = [str(block.value or block.label) for block in targets if isinstance(block, (gr.Button, gr.UploadButton))]
    return f"{handler_name(event).split('.')[0]} {buttons[0]!r}" if buttons else handler_name(event)


def event_of(page: GuardedBlocks, name: str, *, pressed: str = "") -> BlockFunction:
    """The event with this handler; of several the one of the button, field or HTML piece called so."""
    found = [event for event in page.fns.values() if handler_name(event).endswith(name)]
    if pressed:
        found = [event for event in found if any(pressed in called(page, target) for target, _ in event.targets)]
    assert found, f"no event {name} {pressed}"
    return found[0]


def called(page: GuardedBlocks, target: int | None) -> set[str]:
    """By what a component can be told from others."""
    block = page.blocks.get(target or 0)
    names = {str(getattr(block, name, "") or "") for name in ("value", "label")} if block else set()
    return names | set(getattr(block, "elem_classes", None) or ())
