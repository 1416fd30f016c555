"""The default space: packaged towers, and the heads that this project trained on top of them.

`weights/space.safetensors` holds only what training changed: the heads, and the tuned layers of the towers as int8
differences from the packaged weights.

Shape key:  N pictures or texts, B pictures in a batch, P positions of the map (81), C channels, G cells a side (9),
            M side of the middle map (17) or width of a main vector (512), L layers, W width of the text tower

Each of the 81 cells has what the packaged tower says, what the tuned one says, and the middle map shrunk to it.

Shape key:  B pictures, P cells (81), C channels (2680), D width of the space, M side of the middle map (17),
            G cells a side (9)
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL.Image import Image
from safetensors import safe_open
from torch import Tensor, nn

from deepseek_mm.deltas import add_deltas
from deepseek_mm.embeddings.code import CodeReader, broken_up
from deepseek_mm.embeddings.dictionary import ChineseGlosser, dictionary_files
from deepseek_mm.embeddings.heads import (
    MAIN_DIM,
    SPACE_DIM,
    ClassGuess,
    ImageHead,
    ImageNetTagger,
    SideHead,
    TextHead,
    join,
    read_groups,
)
from deepseek_mm.embeddings.inference import autocast_bf16, keep_dtype, prefetch_batches
from deepseek_mm.embeddings.languages import MultilingualTexts
from deepseek_mm.embeddings.space import Encode, EncoderPool, Floats, ImageEmbedding, Tag
from deepseek_mm.embeddings.towers import (
    GRID,
    LAYERS,
    MAP_CHANNELS,
    MAX_TOKENS,
    MIDDLE_CHANNELS,
    SIDE_PX,
    TextTower,
    fingerprint,
    image_tower_file,
    in_order_of_length,
    load_engine_text_tower,
    load_engine_tower,
    load_image_tower,
    load_text_tower,
    squeeze,
    text_tower_folder,
    to_pixels,
)
from deepseek_mm.errors import MissingWeights
from deepseek_mm.language.detection import language_of
from deepseek_mm.threads import run_in_background, single_threaded_for

WEIGHTS = Path(__file__).parent.parent / "weights" / "space.safetensors"
TEXT_BATCH = 64
TOWERS = ("image_tower.", "text_tower.")  # beginnings of names that engines stand for
CHINESE = "Chinese"  # as `language_of` names it
OLD = "code_head."  # in files from before code had a tower of its own


class TextSide(nn.Module):
    """What reads texts, whatever tower looks at pictures beside it: whoever builds on it fills these."""

    text_tower: TextTower
    text_head: TextHead
    side: nn.Module  # with a head `text`
    narrow: nn.Parameter

    def read(self, texts: Sequence[str]) -> Tensor:
        """(N, D): texts through the main head and the side head."""
        return self.read_pooled(self.text_tower(texts))

    def read_pooled(self, pooled_NLW: Tensor) -> Tensor:
        """The same of what the tower made of them."""
        return join(self.text_head(pooled_NLW[:, -1]), self.side.text(pooled_NLW), self.narrow)  # type: ignore[operator]


class SpaceModel(TextSide):
    """Towers and heads side by side, as training and inference both use them."""

    side: SideHead

    def __init__(self, *, for_engines: bool = False) -> None:
        """With `for_engines` the towers are left out: engines that were made before take their places."""
        super().__init__()
        self.image_tower = (load_engine_tower if for_engines else load_image_tower)(image_tower_file())
        self.image_tower.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.packaged_upper = deepcopy(self.image_tower.upper)  # never trained: for the side heads and for naming
        self.text_tower = (load_engine_text_tower if for_engines else load_text_tower)(text_tower_folder())
        self.image_head = ImageHead()
        self.text_head = TextHead()
        self.side = SideHead(MAP_CHANNELS + MIDDLE_CHANNELS, len(LAYERS))
        self.narrow = nn.Parameter(torch.eye(SPACE_DIM, MAIN_DIM), requires_grad=False)

    @property
    def heads(self) -> list[nn.Module]:
        """What may be rounded where `autocast_bf16` computes in fewer bits: engines have the rest."""
        return [self.image_head, self.side, self.text_head]

    def map_of(self, middle_BCMM: Tensor) -> Tensor:
        """The tuned tower's feature map as positions: (B, P, C)."""
        return positions(self.image_tower.upper(middle_BCMM))

    def side_map_of(self, middle_BCMM: Tensor, packaged_BCGG: Tensor) -> Tensor:
        """What the side head looks at: the packaged tower's map and the middle map, shrunk to it; (B, P, C)."""
        shrunk_BCGG = F.adaptive_avg_pool2d(middle_BCMM.float(), GRID)
        return positions(torch.cat([packaged_BCGG.float(), shrunk_BCGG], dim=1))

    def maps(self, squares: Sequence[NDArray[np.uint8]]) -> "TowerMaps":
        """All that the towers make of squeezed pictures."""
        middle_BCMM = self.image_tower.lower(to_pixels(squares))
        packaged_BCGG = self.packaged_upper(middle_BCMM)
        side_BPC = self.side_map_of(middle_BCMM, packaged_BCGG)
        return TowerMaps(middle_BCMM, packaged_BCGG, self.map_of(middle_BCMM), side_BPC)

    def texts(self, texts: Sequence[str]) -> Tensor:
        """(N, M): the main vectors alone, which is what alignment trains."""
        vector_NM: Tensor = self.text_head(self.text_tower(texts)[:, -1])
        return vector_NM

    def looks(self, maps: "TowerMaps") -> tuple[Tensor, Tensor]:
        """`look_at` of all that the towers made, for reading; the two heads see few pictures at the same time."""
        side_soon = run_in_background(
            keep_dtype(partial(_seen_by, self.side.image, maps.side_BPC)), rows=len(maps.side_BPC)
        )
        with side_soon as side:
            return self._join(self.image_head.both(maps.main_BPC), side())

    def look_at(self, main_BPC: Tensor, side_BPC: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (B, D) of the pictures, and (B, P, D) of the cells of their maps."""
        return self._join(self.image_head.both(main_BPC), self.side.image.both(side_BPC))

    def _join(self, main: tuple[Tensor, Tensor], side: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return join(main[0], side[0], self.narrow), join(main[1], side[1], self.narrow)


@torch.inference_mode()
def _seen_by(head: ImageHead, map_BPC: Tensor) -> tuple[Tensor, Tensor]:
    """`head.both` in a thread of its own."""
    with single_threaded_for(len(map_BPC)), autocast_bf16():
        return head.both(map_BPC)


class TowerMaps(NamedTuple):
    """What the towers make of pictures, before any head looks at it."""

    middle_BCMM: Tensor
    packaged_BCGG: Tensor
    main_BPC: Tensor  # of the tuned tower
    side_BPC: Tensor  # of the packaged one, with the middle map shrunk to it

    def cells(self) -> Tensor:
        """(B, P, C) bfloat16, as small models see them: packaged, tuned, middle."""
        packaged_BPC, shrunk_BPC = self.side_BPC.split([MAP_CHANNELS, MIDDLE_CHANNELS], dim=-1)
        return torch.cat([x.bfloat16() for x in (packaged_BPC, self.main_BPC, shrunk_BPC)], dim=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFeatures:
    """What the towers and heads make of one picture."""

    look: ImageEmbedding
    cells_PC: Tensor | None = None  # bfloat16, as `Maps.cells` gives them; None in a space without small models


def positions(map_BCGG: Tensor) -> Tensor:
    """(B, P, C)."""
    return map_BCGG.flatten(2).transpose(1, 2)


class PackagedSpace(ABC):
    """A space of towers that install as packages: how texts are read, and pictures embedded. Engines know its parts."""

    name: str
    model: TextSide
    fingerprint: str
    side_px: int  # of the squares that the image tower sees
    dim, max_tokens = SPACE_DIM, MAX_TOKENS
    pool: EncoderPool | None = None  # of machines that embed texts and code for this one; put there by who joined them

    def __init__(self) -> None:
        self.code, self.languages = CodeReader(), MultilingualTexts()
        self.glosser = ChineseGlosser(self.embed_english, self.languages.embed)

    @property
    def code_fingerprint(self) -> str:
        """Of what reads code: pictures and texts do not depend on it."""
        return self.code.fingerprint

    @cached_property
    def languages_fingerprint(self) -> str:
        """Of what reads other languages than English, or "" where nothing does."""
        return fingerprint((*self.languages.files, *dictionary_files())) if self.languages.is_installed else ""

    @abstractmethod
    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        """One look per picture, in order."""

    def embed_images(self, images: Iterable[Image]) -> Floats:
        """(N, D), the whole pictures only."""
        vectors = [look.vector_D for look in self.look_many(images)]
        return np.stack(vectors) if vectors else np.zeros((0, self.dim), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Floats:
        """(N, D), on other machines where there are some."""
        return self.pool.embed("texts", texts, self.embed_texts_here) if self.pool else self.embed_texts_here(texts)

    def embed_texts_here(self, texts: Sequence[str]) -> Floats:
        """(N, D): English by the tower that photos were aligned with, other languages by the one that learned it,
        Chinese with a share of what its words mean in the dictionary, where that is installed.
        """
        vectors_ND = np.zeros((len(texts), self.dim), np.float32)
        readers = [self._reader(text) for text in texts]
        for read in dict.fromkeys(readers):
            own = [n for n, reader in enumerate(readers) if reader == read]
            vectors_ND[own] = read([texts[n] for n in own])
        return vectors_ND

    def translate(self, text: str, known: Collection[str]) -> str:
        """Chinese words in English, rather in names that are known; any other text as it is."""
        reads = self._reader(text) == self.glosser.embed
        return (self.glosser.describe(text, known) if reads else "") or text

    def _reader(self, text: str) -> Encode:
        language = language_of(text) if self.languages.is_installed else ""
        if not language:
            return self.embed_english
        return self.glosser.embed if language == CHINESE and self._has_dictionary else self.languages.embed

    @cached_property
    def _has_dictionary(self) -> bool:
        return bool(dictionary_files())

    @torch.inference_mode()
    def embed_english(self, texts: Sequence[str]) -> Floats:
        """(N, D), whatever they are written in."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        ordered, back_N = in_order_of_length(texts)
        with single_threaded_for(len(texts)), autocast_bf16():
            parts = [
                self.model.read(ordered[start : start + TEXT_BATCH]).float()
                for start in range(0, len(ordered), TEXT_BATCH)
            ]
        vectors: Floats = torch.cat(parts)[back_N].numpy()
        return vectors

    def embed_code(self, codes: Sequence[str]) -> Floats:
        """(N, D), on other machines where there are some; `code_text` makes what is read best."""
        return self.pool.embed("code", codes, self.embed_code_here) if self.pool else self.embed_code_here(codes)

    def embed_code_here(self, codes: Sequence[str]) -> Floats:
        """(N, D), by a tower of its own."""
        return self.code.read(codes, asks=False)

    def embed_code_questions(self, texts: Sequence[str]) -> Floats:
        """(N, D): near the code that does what they say, and near nothing else."""
        return self.code.read([broken_up(text) for text in texts], asks=True)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each, those at its ends included, however many of them are read."""
        return self.model.text_tower.count(texts)


class SeeingSpace(PackagedSpace):
    """A packaged space with cells that small models look at: the default one, and the one that it taught."""

    side_px = SIDE_PX
    model: Any  # with `maps` of squares, `looks` of maps, and what reads
    prefix = ""  # of the files of the small models that look at its cells
    taught_by = ""  # fingerprint of the space whose vectors it learned, if it did: what was fitted to those fits here
    namer: ImageNetTagger

    def __init__(self, *, batch: int = 16) -> None:
        super().__init__()
        self.batch = batch

    def look_many(self, images: Iterable[Image]) -> Iterator[ImageEmbedding]:
        """One look per picture, in order; pictures are drawn and squeezed in a thread while the tower works."""
        return (features.look for features in self.see_many(images))

    def see_many(self, images: Iterable[Image]) -> Iterator[ImageFeatures]:
        """The same with the cells that small models look at."""
        for squares in prefetch_batches((squeeze(image) for image in images), size=self.batch):
            yield from self._see(squares)

    @torch.inference_mode()
    def _see(self, squares: Sequence[NDArray[np.uint8]]) -> list[ImageFeatures]:
        with autocast_bf16():
            maps = self.model.maps(squares)
        named_soon = run_in_background(keep_dtype(partial(self._find_tags, maps)), rows=len(squares))
        with named_soon as named, single_threaded_for(len(squares)), autocast_bf16():
            vectors_BD, grid_BPD = (x.float().numpy() for x in self.model.looks(maps))
            tags_B = named()
        looks = [
            ImageEmbedding(vector_D=vector_D, grid_HWD=grid_PD.reshape(GRID, GRID, -1), tags=tags)
            for vector_D, grid_PD, tags in zip(vectors_BD, grid_BPD, tags_B, strict=True)
        ]
        return [ImageFeatures(look=look, cells_PC=cells_PC) for look, cells_PC in zip(looks, maps.cells(), strict=True)]

    @torch.inference_mode()
    def _find_tags(self, maps: Any) -> list[tuple[Tag, ...]]:
        """What the packaged tower names in each picture."""
        with single_threaded_for(len(maps.packaged_BCGG)), autocast_bf16():
            tags_B: list[tuple[Tag, ...]] = self.namer(maps.packaged_BCGG)
        return tags_B

    @torch.inference_mode()
    def cells_many(self, images: Sequence[Image], names: Sequence[int]) -> tuple[Floats, Floats]:
        """Of each picture the cells of its map (N, G, G, D), and how much each speaks for these of the namer's groups
        (N, G, G, names).
        """
        cells: list[Floats] = []
        spoken: list[Floats] = []
        for start in range(0, len(images), self.batch):
            with autocast_bf16():
                maps = self.model.maps([squeeze(image) for image in images[start : start + self.batch]])
                cells_BPD = self.model.looks(maps)[1].float()
            spoken_BNGG = self.namer.spoken_for(maps.packaged_BCGG, names).float()
            cells.append(cells_BPD.unflatten(1, (GRID, GRID)).numpy())
            spoken.append(spoken_BNGG.permute(0, 2, 3, 1).numpy())
        return np.concatenate(cells), np.concatenate(spoken)


@cache
def default_fingerprint(weights: Path) -> str:
    """Of the default space's files, read once by a process."""
    return fingerprint((weights, image_tower_file(), text_tower_folder() / "model.safetensors"))


class DefaultSpace(SeeingSpace):
    """EfficientNet-Lite2 and MiniLM with trained heads; fills the `EmbeddingModel` protocol."""

    name = "default"
    model: SpaceModel

    def __init__(self, weights: Path = WEIGHTS, *, batch: int = 16, for_engines: bool = False) -> None:
        """`for_engines` as `SpaceModel` says."""
        if not weights.is_file():
            raise MissingWeights(weights, make="python -m deepseek_mm train align")
        super().__init__(batch=batch)
        self.model, self.for_engines = SpaceModel(for_engines=for_engines), for_engines
        left_out = (OLD, *TOWERS) if for_engines else (OLD,)
        with safe_open(weights, framework="pt") as file:
            names = [name for name in file.keys() if not name.startswith(left_out)]  # noqa: SIM118
            add_deltas(self.model, {name: file.get_tensor(name) for name in names})
        self.model.eval().requires_grad_(False)
        self.namer = ImageNetTagger(self.model.image_tower.classifier, read_groups())
        self.fingerprint = default_fingerprint(weights)

    @torch.inference_mode()
    def guess_classes(self, cells_PC: Tensor) -> tuple[ClassGuess, ...]:
        """What ImageNet's classifier takes a picture for, from the cells that small models look at."""
        return self.namer.guess(cells_PC[:, :MAP_CHANNELS].float().mean(dim=0))


CHANNELS = 2 * MAP_CHANNELS + MIDDLE_CHANNELS
CELLS = GRID * GRID
BATCH = 16


@torch.inference_mode()
def maps_of(model: SpaceModel, squares: Sequence[NDArray[np.uint8]]) -> Tensor:
    """(B, P, C) bfloat16 of squeezed pictures."""
    with autocast_bf16():
        return model.maps(squares).cells()


def maps_of_many(model: SpaceModel, images: Iterable[Image], *, batch: int = BATCH) -> Iterator[Tensor]:
    """(P, C) of each picture, in order; pictures are drawn and squeezed while the tower works."""
    for squares in prefetch_batches((squeeze(image) for image in images), size=batch):
        yield from maps_of(model, squares)


@torch.inference_mode()
def looks_of(space: DefaultSpace, cells_BPC: Tensor) -> list[ImageEmbedding]:
    """What the space sees in the pictures, from what `maps_of` gave."""
    vectors_BD, grid_BPD = (x.float() for x in places_of(space.model, cells_BPC))
    packaged_BCGG = cells_BPC[..., :MAP_CHANNELS].transpose(1, 2).unflatten(-1, (GRID, GRID))
    with autocast_bf16():
        tags_B = space.namer(packaged_BCGG.bfloat16())
    return [
        ImageEmbedding(vector_D=vector_D.numpy(), grid_HWD=grid_PD.numpy().reshape(GRID, GRID, -1), tags=tags)
        for vector_D, grid_PD, tags in zip(vectors_BD, grid_BPD, tags_B, strict=True)
    ]


@torch.inference_mode()
def places_of(model: SpaceModel, cells_BPC: Tensor) -> tuple[Tensor, Tensor]:
    """The space's vectors of the pictures (B, D) and of their cells (B, P, D), from what `maps_of` gave."""
    packaged, tuned, shrunk = cells_BPC.split([MAP_CHANNELS, MAP_CHANNELS, MIDDLE_CHANNELS], dim=-1)
    with autocast_bf16():
        return model.look_at(tuned, torch.cat([packaged, shrunk], dim=-1))
