"""/models: the catalogue of models that can take the place of the packaged ones, and what of it fits this machine."""

from typing import Annotated, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from deepseek_mm.api.problems import DECLARED
from deepseek_mm.api.route_parameters import Administrator, OurServices
from deepseek_mm.api.schemas import Body, Record, Text, Typed
from deepseek_mm.models.catalogue import Kind, RunBy, Way
from deepseek_mm.models.downloads import DownloadState
from deepseek_mm.models.states import CardState


class FigureOut(Record):
    """A result that was published."""

    name: str = Field(description="of the benchmark", examples=["DocVQA (test)"])
    value: float = Field(description="in percent, unless the name says otherwise", examples=[81.6])
    source: str = Field(examples=["https://huggingface.co/blog/smolvlm"])


class ModelOut(BaseModel):
    """A model of the catalogue, as it stands here."""

    id: str = Field(examples=["HuggingFaceTB/SmolVLM-256M-Instruct"])
    kind: Kind
    title: str = Field(examples=["SmolVLM 256M"])
    good_for: str
    languages: list[str] = Field(description='codes of ISO 639; "mul" is many more', examples=[["en"]])
    replaces: str = Field(description="the packaged model whose place it takes", examples=["deepseek-mm"])
    setting: str = Field(description="that opens it", examples=["lm.vlm"])
    url: str = Field(examples=["https://huggingface.co/HuggingFaceTB/SmolVLM-256M-Instruct"])
    files: list[str] = Field(description="patterns of what is fetched", examples=[["*.json", "model.safetensors"]])
    disk_mb: int = Field(description="of these files", examples=[518])
    disk_needed_mb: int = Field(description="of these files and what is made from them", examples=[518])
    parameters_m: float = Field(description="millions of weights", examples=[256])
    memory_mb: dict[Way, int] = Field(description="at work, by the way its weights lie in memory")
    license: str = Field(examples=["Apache-2.0"])
    license_url: str
    asks_acceptance: bool = Field(description="the hub gives it only to whoever accepted its licence there")
    run_by: RunBy = Field(description="who runs it; a server is a local one, such as Ollama")
    remote_code: bool = Field(description="it brings code along, which is never run here")
    run_here: bool = Field(description="whether the project has tried these weights itself")
    figures: list[FigureOut]
    fits: bool = Field(description="this machine")
    why: Text = Field(examples=["needs 1.1 GB of memory, and models have 6.6 GB here"])
    needs_mb: int = Field(description="of memory, the way it would be run here")
    way: Way = Field(description="how its weights would lie in memory here")
    installed: bool
    revision: str = Field(description="commit that this library uses; empty before the first use")
    recommended: bool = Field(description="the one for this machine")

    @classmethod
    def of(cls, state: CardState) -> Self:
        """As JSON says it."""
        return cls.model_validate(state.as_json())


class CatalogueOut(BaseModel):
    """All of it."""

    models: list[ModelOut]
    recommended: str | None = Field(description="id of the one for this machine; null where none fits")


class DownloadOut(Record):
    """How the download of a model stands."""

    job: int = Field(description="its number, which changes when it is paused or resumed; older ones find it too")
    name: Text = Field(examples=["HuggingFaceTB/SmolVLM-256M-Instruct"])
    state: DownloadState
    done_bytes: int
    total_bytes: int | None = Field(description="null while nobody knows")
    bytes_per_second: float
    seconds_left: float | None
    message: Text = Field(description="the file at hand, or how it ended", examples=["model.safetensors"])


class DownloadIn(Body):
    """Which model."""

    name: Annotated[Typed, Field(min_length=3, max_length=200, examples=["HuggingFaceTB/SmolVLM-256M-Instruct"])]
    accepted: bool = Field(default=False, description="whoever asks has read and accepted its terms")
    newest: bool = Field(default=False, description="go over to the newest commit, though there is one here")


class DownloadsOut(BaseModel):
    """All of them."""

    downloads: list[DownloadOut]


class RemovedOut(BaseModel):
    """What became of a model."""

    freed_bytes: int


class HubTokenIn(Body):
    """Who asks the hub."""

    token: Annotated[Typed, Field(max_length=500, description="of the hub; an empty one is forgotten")]


Part = Annotated[str, Path(min_length=1, max_length=96)]
JobNumber = Annotated[int, Path(ge=1, le=2**53)]
router = APIRouter(prefix="/models", tags=["models"], responses=DECLARED)


@router.get("")
def catalogue(services: OurServices, caller: Administrator) -> CatalogueOut:
    """Every model that is known, by kind, the smallest first. Nothing is asked of a hub."""
    models = [ModelOut.of(state) for state in services.catalogue.list_cards(caller)]
    return CatalogueOut(models=models, recommended=next((model.id for model in models if model.recommended), None))


@router.get("/downloads")
def downloads(services: OurServices, caller: Administrator) -> DownloadsOut:
    """One a model, the newest first, with those that have ended."""
    return DownloadsOut(downloads=[DownloadOut.of(each) for each in services.catalogue.list_downloads(caller)])


@router.post("/download", status_code=202)
def download(services: OurServices, asked: DownloadIn, caller: Administrator) -> DownloadOut:
    """Begin one, or go on with it; from now on a hub may be asked. Only for callers on the machine itself."""
    begun = services.catalogue.start_download(caller, asked.name, accepted=asked.accepted, newest=asked.newest)
    return DownloadOut.of(begun)


@router.put("/token", status_code=204)
def token(services: OurServices, asked: HubTokenIn, caller: Administrator) -> None:
    """Keep the token for models that are not for everybody, in a file that only this user may read."""
    services.catalogue.keep_token(caller, asked.token)


@router.get("/downloads/{job}", name="one_download")
def find_download(services: OurServices, job: JobNumber, caller: Administrator) -> DownloadOut:
    """One of them."""
    return DownloadOut.of(services.catalogue.find_download(caller, job))


@router.post("/{job}/pause")
def pause(services: OurServices, job: JobNumber, caller: Administrator) -> DownloadOut:
    """Stop it, and keep what has come."""
    return DownloadOut.of(services.catalogue.pause_download(caller, job))


@router.post("/{job}/resume")
def resume(services: OurServices, job: JobNumber, caller: Administrator) -> DownloadOut:
    """Go on with one that was paused or cancelled, or has failed."""
    return DownloadOut.of(services.catalogue.resume_download(caller, job))


@router.post("/{job}/cancel")
def cancel(services: OurServices, job: JobNumber, caller: Administrator) -> DownloadOut:
    """Stop it for good, and remove what has come of files that are not whole."""
    return DownloadOut.of(services.catalogue.cancel_download(caller, job))


@router.delete("/{owner}/{name}", name="remove_model")
def remove(services: OurServices, owner: Part, name: Part, caller: Administrator) -> RemovedOut:
    """Remove a model from this machine, also for other programs of this user."""
    return RemovedOut(freed_bytes=services.catalogue.remove_model(caller, f"{owner}/{name}"))


@router.get("/{owner}/{name}")
def model(services: OurServices, owner: Part, name: Part, caller: Administrator) -> ModelOut:
    """One of them."""
    return ModelOut.of(services.catalogue.find_card(caller, f"{owner}/{name}"))
