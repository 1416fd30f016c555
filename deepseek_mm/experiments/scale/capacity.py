"""What a number of regions needs: memory, disk, machines and money a month, computed from bytes.

Bytes of a vector and of its links follow from pgvector's and FAISS's layouts; bytes of the other rows were measured.
Prices are assumptions, and stand as such in the report.
"""

import math
from dataclasses import dataclass, field

DIM = 512
HALF_BYTES, SIGN_BYTES, CODE_BYTES = 2 * DIM, DIM // 8, 64
LINK_BYTES = 16 * 2 * 6 + 80  # of a node of HNSW with m = 16: tuple identifiers on the lowest layer, and its head
REGIONS_OF_PHOTO, PHOTO_S = 3, 0.2  # of a worker with a graphics card
HOT = 0.1  # share of the libraries that are searched in a day, where each has a partition of its own
MONTH_S = 30 * 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """Assumed: what is rented, for a month."""

    machine_gb: int = 256  # memory of the largest machine that is usual
    machine: float = 400.0  # its price, with 16 cores and two fast disks
    disk_gb: int = 3_500  # that come with it, mirrored
    more_disk_gb: float = 0.05  # of one more gigabyte
    gpu_worker: float = 250.0


@dataclass(frozen=True, kw_only=True, slots=True)
class VectorLayout:
    """Where vectors lie, and what a region takes there."""

    name: str
    memory_bytes: float  # of a region, that searches want in memory
    disk_bytes: float  # of a region beside its rows: vectors and index
    memory_share: float = 1.0  # of the regions that are in memory at once
    one_machine: bool = False  # whether a search has to have all of it on one


LAYOUTS = (
    VectorLayout(
        name="PostgreSQL, halfvec in HNSW",
        memory_bytes=HALF_BYTES + LINK_BYTES,
        disk_bytes=2 * HALF_BYTES + LINK_BYTES,
        one_machine=True,
    ),
    VectorLayout(
        name="the same, a partition for each library",
        memory_bytes=HALF_BYTES + LINK_BYTES,
        disk_bytes=2 * HALF_BYTES + LINK_BYTES,
        memory_share=HOT,
    ),
    VectorLayout(
        name="PostgreSQL, signs in HNSW, halfvec on disk for the last step",
        memory_bytes=SIGN_BYTES + LINK_BYTES,
        disk_bytes=HALF_BYTES + SIGN_BYTES + LINK_BYTES,
        one_machine=True,
    ),
    VectorLayout(
        name="FAISS or Milvus in shards, cells of 64-byte codes, halfvec on disk",
        memory_bytes=CODE_BYTES + 8,
        disk_bytes=HALF_BYTES + CODE_BYTES + 8,
    ),
    VectorLayout(name="cells on disk, their middles in memory", memory_bytes=2.0, disk_bytes=HALF_BYTES + 8),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What a layout needs for a number of regions."""

    layout: str
    regions: float
    memory_gb: float
    disk_gb: float  # rows included
    machines: int
    month: float
    fits: bool  # whether it can be had so at all


@dataclass(frozen=True, kw_only=True, slots=True)
class Assumptions:
    """What the figures rest on beside the layouts."""

    row_bytes: float  # of a region: its row, labels and words, and its share of its photo's; measured
    prices: Prices = field(default_factory=Prices)


def size_layout(layout: VectorLayout, regions: float, given: Assumptions) -> Capacity:
    """Memory decides how many machines there are, then disks."""
    prices = given.prices
    memory_gb = regions * layout.memory_bytes * layout.memory_share / 1e9
    disk_gb = regions * (layout.disk_bytes + given.row_bytes) / 1e9
    machines = max(1, math.ceil(memory_gb / (0.75 * prices.machine_gb)))
    more_gb = max(0.0, disk_gb - machines * prices.disk_gb)
    return Capacity(
        layout=layout.name,
        regions=regions,
        memory_gb=memory_gb,
        disk_gb=disk_gb,
        machines=machines,
        month=machines * prices.machine + more_gb * prices.more_disk_gb,
        fits=not (layout.one_machine and machines > 1),
    )


def months_of_intake(regions: float, workers: int) -> float:
    """How long the photos take to go in."""
    return regions / REGIONS_OF_PHOTO * PHOTO_S / workers / MONTH_S


def price_intake(regions: float, prices: Prices) -> float:
    """What the machines that take all photos in cost together, however many there are."""
    return months_of_intake(regions, 1) * prices.gpu_worker


def find_largest(layout: VectorLayout, given: Assumptions) -> float:
    """Regions that one machine holds in memory."""
    return 0.75 * given.prices.machine_gb * 1e9 / (layout.memory_bytes * layout.memory_share)
