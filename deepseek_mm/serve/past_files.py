"""Conversations as files: out as Markdown, HTML or JSON, and in again out of JSON."""

from dataclasses import dataclass, replace
from importlib import import_module
from typing import Annotated, Any

from fastapi import APIRouter, File, Query, Response, UploadFile

from deepseek_mm.errors import TooLarge
from deepseek_mm.rag.assistant import Assistant
from deepseek_mm.serve.shelf_pictures import download
from deepseek_mm.serve.who import Who, needs
from deepseek_mm.serve.wire import Number
from deepseek_mm.serve.wire_past import ConversationOut
from deepseek_mm.sharing import Kind, Language, Sharing, here_in
from deepseek_mm.sharing.nouns import MEDIA_TYPES

MAX_BYTES = 100_000_000  # of a file, out or in
Me = Annotated[Who, needs("ask")]
Packed = Annotated[UploadFile, File(description="that an export as JSON gave")]
FILES: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in MEDIA_TYPES.values()}}}


@dataclass(frozen=True, kw_only=True)
class Shared:
    """The door that files go through."""

    assistant: Assistant

    def export(
        self,
        conversation: Number,
        who: Me,
        kind: Annotated[Kind, Query(description="JSON can be taken in again")] = "json",
        language: Annotated[Language, Query(description="of our own words in Markdown and HTML")] = "en",
    ) -> Response:
        """The conversation as a file to save."""
        exported = self._door().export(conversation, kind, session=who.session, language=language)
        return download(exported.data, exported.name, exported.media_type)

    def take_in(self, file: Packed, who: Me) -> ConversationOut:
        """A conversation out of a file, as the caller's own."""
        if (file.size or 0) > MAX_BYTES:
            raise TooLarge(f"the file has {file.size:,} bytes, and at most {MAX_BYTES:,} are read. Share a shorter one")
        number = self._door().take_in(file.file.read(), session=who.session)
        return ConversationOut.of(self.assistant.history.conversation(number, session=who.session))

    def _door(self) -> Sharing:
        config = self.assistant.config
        door = Sharing(
            history=self.assistant.history,
            picture=self.assistant.picture,
            uploads=config.data / "uploads",
            version=str(import_module("deepseek_mm").__version__),
            here=here_in(self.assistant.store),
        )
        return replace(door, limits=replace(door.limits, max_bytes=MAX_BYTES, max_pixels=config.parse.max_pixels))


def file_routes(assistant: Assistant) -> APIRouter:
    """Out and in."""
    shared, router = Shared(assistant=assistant), APIRouter()
    router.get("/history/{conversation}/export", responses=FILES, response_class=Response)(shared.export)
    router.post("/history/import", status_code=201)(shared.take_in)
    return router
