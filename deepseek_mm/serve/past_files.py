"""Conversations as files: out as Markdown, HTML or JSON, and in again out of JSON."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Query, Response, UploadFile
from pydantic import BaseModel, Field

from deepseek_mm.errors import TooLarge
from deepseek_mm.serve.history_schemas import ConversationOut
from deepseek_mm.serve.routes.library_file_routes import download
from deepseek_mm.serve.schemas import Number
from deepseek_mm.serve.who import Me
from deepseek_mm.services import Services
from deepseek_mm.services.history_service import MAX_BYTES
from deepseek_mm.sharing import Kind, Language
from deepseek_mm.sharing.nouns import MEDIA_TYPES
from deepseek_mm.sharing.parcel import Parcel

ExportFile = Annotated[UploadFile, File(description="that an export as JSON gave")]


class ExportOut(BaseModel):
    """A conversation as JSON, which can be taken in again."""

    format: Literal["deepseek-mm conversation"]
    version: int
    exported_at: datetime
    program: str = Field(description="its version")
    sha256: str = Field(description="of the payload")
    payload: Parcel


FILES: dict[int | str, dict[str, Any]] = {
    200: {"model": ExportOut, "content": {kind: {} for kind in MEDIA_TYPES.values()}}
}


@dataclass(frozen=True, kw_only=True)
class ConversationFileEndpoints:
    """The door that files go through."""

    services: Services

    def export(
        self,
        conversation: Number,
        caller: Me,
        kind: Annotated[Kind, Query(description="JSON can be taken in again")] = "json",
        language: Annotated[Language, Query(description="of our own words in Markdown and HTML")] = "en",
        places: Annotated[bool, Query(description="JSON: with folders, and where photos were taken")] = False,
    ) -> Response:
        """The conversation as a file to save."""
        exported = self.services.history.export(caller, conversation, kind, language=language, places=places)
        return download(exported.data, exported.name, exported.media_type)

    def take_in(self, file: ExportFile, caller: Me) -> ConversationOut:
        """A conversation out of a file, as the caller's own."""
        if (file.size or 0) > MAX_BYTES:
            raise TooLarge(f"the file has {file.size:,} bytes, and at most {MAX_BYTES:,} are read. Share a shorter one")
        number = self.services.history.take_in(caller, file.file.read())
        return ConversationOut.of(self.services.history.find_conversation(caller, number))


def file_routes(services: Services) -> APIRouter:
    """Out and in."""
    shared, router = ConversationFileEndpoints(services=services), APIRouter()
    router.get("/history/{conversation}/export", responses=FILES, response_class=Response)(shared.export)
    router.post("/history/import", status_code=201)(shared.take_in)
    return router
