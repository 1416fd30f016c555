"""Reads what the machine has: processor, cores, memory, container limits, GPU, NPU and installed packages.

Limits are those of cgroups, versions 1 and 2. A container may know its process's group under another path or not at
all, so all groups from the named one up to the root are read, missing ones are skipped, and the tightest limit counts.

Absent hardware is reported as absent; nothing here raises. `planner` decides what follows.
"""

import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

from deepseek_mm.runtime.engines import import_openvino

MOUNT = Path("sys/fs/cgroup")
BOUNDLESS = 2**60  # bytes from which a limit is none: version 1 has a number for "no limit"


@dataclass(frozen=True, kw_only=True, slots=True)
class CgroupLimits:
    """None where there is no limit."""

    cpus: float | None = None  # processors' worth of time: 1.5 is one and a half
    memory_bytes: int | None = None


def read_limits(root: Path) -> CgroupLimits:
    """Of this process, below the `root` of the file system; no limits where there are no cgroups."""
    groups = dict(_groups(root))
    unified = [*_upwards(root / MOUNT, groups.get("", "/")), *_upwards(root / MOUNT / "unified", groups.get("", "/"))]
    cpu = _upwards(root / MOUNT / "cpu", groups.get("cpu", "/"))
    memory = _upwards(root / MOUNT / "memory", groups.get("memory", "/"))
    cpus = [*map(_share, unified), *map(_share_v1, cpu)]
    bounds = [_number(folder / "memory.max") for folder in unified]
    bounds += [_number(folder / "memory.limit_in_bytes") for folder in memory]
    return CgroupLimits(
        cpus=min((value for value in cpus if value), default=None),
        memory_bytes=min((value for value in bounds if value and value < BOUNDLESS), default=None),
    )


def _groups(root: Path) -> Iterator[tuple[str, str]]:
    """Controller and path; the controller of version 2 is called ""."""
    for line in _read_text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        yield from ((name, path or "/") for name in controllers.split(","))


def _upwards(mount: Path, path: str) -> list[Path]:
    """The group's folder and all above it; a path may not lead out of the mount."""
    parts = [part for part in PurePosixPath(path).parts if part not in ("/", "..")]
    return [mount.joinpath(*parts[:n]) for n in range(len(parts), -1, -1)]


def _share(folder: Path) -> float | None:
    """Version 2: `max 100000` or `150000 100000`."""
    quota, _, period = _read_text(folder / "cpu.max").strip().partition(" ")
    return _over(quota, period)


def _share_v1(folder: Path) -> float | None:
    return _over(_read_text(folder / "cpu.cfs_quota_us").strip(), _read_text(folder / "cpu.cfs_period_us").strip())


def _over(quota: str, period: str) -> float | None:
    """None where either is no number above nothing: `max` and -1 mean "no limit"."""
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _number(file: Path) -> int | None:
    text = _read_text(file).strip()
    return int(text) if text.isdigit() else None


def _read_text(file: Path) -> str:
    """Empty where it cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text()
    return ""


FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8")  # as Linux calls them
BFLOAT16 = frozenset(["avx512_bf16", "amx_bf16"])  # flags of processors that multiply bfloat16
PACKAGES = (  # that engines are made of, as they are installed
    "torch",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnx",
    "openvino",
    "nncf",
    "torchao",
)
GIB = 2**30
GPU_DEVICES = ("nvidiactl", "nvhost-ctrl", "nvmap", "kfd", "dxg")  # NVIDIA's, of its boards, AMD's, of Windows below


@dataclass(frozen=True, kw_only=True, slots=True)
class GPU:
    """One that torch can use."""

    name: str
    memory_bytes: int
    capability: tuple[int, int]  # NVIDIA's compute capability


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """A machine, as far as engines care. Tests describe others."""

    cpu: str = "unknown"
    flags: frozenset[str] = frozenset()  # of FLAGS
    cores: int = 1  # physical, of those that this process may use
    quota: float | None = None  # processors' worth of time that a container has; None is all
    memory_bytes: int = 0  # of the machine
    available_bytes: int = 0  # now, without swapping
    limit_bytes: int | None = None  # of a container
    gpu: GPU | None = None
    npus: tuple[str, ...] = ()  # as OpenVINO calls them
    providers: frozenset[str] = frozenset()  # of ONNX Runtime
    packages: tuple[tuple[str, str], ...] = ()  # of PACKAGES, name and version

    @property
    def workers(self) -> int:
        """Threads that can really run at once."""
        return max(1, min(self.cores, int(self.quota or self.cores)))

    @property
    def size_bytes(self) -> int:
        """Memory that may ever be used; it does not change from start to start."""
        return min(self.memory_bytes, self.limit_bytes or self.memory_bytes)

    def has(self, package: str) -> bool:
        """Whether a package of PACKAGES is installed."""
        return package in dict(self.packages)

    @property
    def key(self) -> str:
        """Sixteen letters that change when measured speeds are worth nothing any more."""
        lasting = asdict(self) | {
            "available_bytes": 0,
            "flags": sorted(self.flags),
            "providers": sorted(self.providers),
        }
        return hashlib.sha256(repr(sorted(lasting.items())).encode()).hexdigest()[:16]

    def line(self) -> str:
        """In words."""
        parts = [f"{self.cpu}, {self.cores} cores", f"{self.size_bytes / GIB:.0f} GiB of memory"]
        if self.quota:
            parts.append(f"a quota of {self.quota:g} processors")
        if known := [flag for flag in FLAGS if flag in self.flags]:
            parts.append(" ".join(known))
        parts += [self.gpu.name if self.gpu else "no GPU", ", ".join(self.npus) or "no NPU"]
        return "; ".join(parts)


def probe(root: Path = Path("/"), *, engines: bool = True) -> Hardware:
    """This machine; its files are read below `root`. Asking `engines` what they can do takes a third of a second."""
    name, flags, cores = read_cpu(root)
    total_bytes, available_bytes = read_memory(root)
    limits = read_limits(root)
    packages = find_packages()
    names = frozenset(name for name, _ in packages) if engines else frozenset(["torch"])
    return Hardware(
        cpu=name,
        flags=flags,
        cores=cores,
        quota=limits.cpus,
        memory_bytes=total_bytes,
        available_bytes=available_bytes,
        limit_bytes=limits.memory_bytes,
        gpu=find_gpu() if "torch" in names and may_have_gpu(root) else None,
        npus=find_npus(root) if "openvino" in names else (),
        providers=find_providers() if names & {"onnxruntime", "onnxruntime-gpu"} else frozenset(),
        packages=packages,
    )


def read_cpu(root: Path) -> tuple[str, frozenset[str], int]:
    """Name, those of FLAGS that it has, and physical cores that this process may run on."""
    pairs = [line.partition(":")[::2] for line in _read_text(root / "proc/cpuinfo").splitlines()]
    told = [(key.strip(), value.strip()) for key, value in pairs]
    name = next((value for key, value in told if key == "model name"), platform.machine() or "unknown")
    flags = frozenset(word for key, value in told if key == "flags" for word in value.split()) & frozenset(FLAGS)
    chips = [value for key, value in told if key == "physical id"]
    ids = [value for key, value in told if key == "core id"]
    cores = len(set(zip(chips, ids, strict=False))) or sum(key == "processor" for key, _ in told) or os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if root == Path("/") and hasattr(os, "sched_getaffinity") else cores
    return name, flags, min(cores, usable)


def read_memory(root: Path) -> tuple[int, int]:
    """Bytes that there are, and that are free to use; as many as there are where the system does not tell."""
    told = dict(line.partition(":")[::2] for line in _read_text(root / "proc/meminfo").splitlines())
    total, available = (_kib(told.get(name, "")) for name in ("MemTotal", "MemAvailable"))
    if not total and hasattr(os, "sysconf"):
        with suppress(OSError, ValueError):
            total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return total, available or total


def read_free_memory(root: Path = Path("/")) -> int:
    """Bytes that a process may take now without swapping, and without coming to a container's limit."""
    groups = dict(_groups(root))
    unified = [*_upwards(root / MOUNT, groups.get("", "/")), *_upwards(root / MOUNT / "unified", groups.get("", "/"))]
    memory = _upwards(root / MOUNT / "memory", groups.get("memory", "/"))
    rooms = [_left_in(folder, "memory.max", "memory.current", "inactive_file") for folder in unified]
    rooms += [
        _left_in(folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file") for folder in memory
    ]
    return min([read_memory(root)[1], *(room for room in rooms if room is not None)])


def _left_in(folder: Path, most: str, used: str, cached: str) -> int | None:
    """What a group may take yet: files in memory that nobody uses make room. None without a limit."""
    limit, taken = _number(folder / most), _number(folder / used)
    if limit is None or taken is None or limit >= BOUNDLESS:
        return None
    lines = (line.split() for line in _read_text(folder / "memory.stat").splitlines())
    spare = next((int(line[1]) for line in lines if line[:1] == [cached] and line[1].isdigit()), 0)
    return max(0, limit - taken + spare)


def find_packages() -> tuple[tuple[str, str], ...]:
    """Those of PACKAGES that are there, with their versions."""
    found = []
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found.append((name, version(name)))
    return tuple(found)


def may_have_gpu(root: Path = Path("/")) -> bool:
    """Whether the system has a device that may be one: without it torch, slow to import, need not be asked."""
    return platform.system() != "Linux" or any((root / "dev" / name).exists() for name in GPU_DEVICES)


def find_gpu() -> GPU | None:
    """The first one that torch can use."""
    import torch

    with suppress(RuntimeError):  # a driver that does not fit
        if torch.cuda.is_available():
            told = torch.cuda.get_device_properties(0)
            return GPU(name=told.name, memory_bytes=told.total_memory, capability=(told.major, told.minor))
    return None


def find_npus(root: Path = Path("/")) -> tuple[str, ...]:
    """OpenVINO's names for them. It is asked only where the system has a device that may be one: asking takes time."""
    if platform.system() == "Linux" and not (root / "dev/accel").exists():
        return ()
    with suppress(ImportError, RuntimeError):
        return tuple(name for name in import_openvino().Core().available_devices if name.startswith("NPU"))
    return ()


def find_providers() -> frozenset[str]:
    """What ONNX Runtime can compute with."""
    with suppress(ImportError):
        from onnxruntime import get_available_providers

        return frozenset(get_available_providers())
    return frozenset()


def _kib(text: str) -> int:
    """Bytes of `16384 kB`; 0 where it is no number."""
    number = (text.split() or [""])[0]
    return int(number) * 1024 if number.isdigit() else 0
