"""hoigen doctor: what this machine has, and what it lacks."""

from __future__ import annotations

import hashlib
import importlib
import os
import platform
import re
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "opencv-python-headless": "cv2",
    "pyyaml": "yaml",
}
"""Package -> what to import, where that is another name."""

EXTRAS = {
    "categories": "objects and actions out of captions, by rules",
    "experts": "captions and judgements by served language models (any OpenAI-compatible endpoint)",
    "models": "models in this process: language (PLLaVA too), aesthetics, flow, VBench, detectors",
    "ray": "runs over several machines; this version does not use it yet: rank and ranks share a run out",
    "review": "pages on which people verify clips; this version has none yet",
    "train": "fine-tuning of text-to-video models; this version has none yet",
}
"""What each extra is for."""

DECODERS = {name: (name,) for name in ("h264", "hevc", "vp9", "mpeg4", "prores")} | {"av1": ("libdav1d", "libaom-av1")}
"""Codec -> the decoders that will do; FFmpeg's own `av1` needs a graphics card."""
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Package:
    """One library. `trouble` is empty when it works and is new enough."""

    name: str
    version: str | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Extra:
    """What `pip install '.[NAME]'` in hoigen's folder brings."""

    name: str
    gives: str
    packages: tuple[Package, ...]

    @property
    def present(self) -> bool:
        return all(not package.trouble for package in self.packages)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A model file, or a sample: `absent`, `fetched`, or `damaged` when its digest is not the pinned one."""

    name: str
    state: str
    bytes: int
    origin: str
    licence: str
    path: Path


@dataclass(frozen=True, slots=True)
class Health:
    """What was found."""

    hoigen: str
    python: str
    machine: str
    cores: int
    memory: int
    codecs: tuple[str, ...]
    packages: tuple[Package, ...]
    extras: tuple[Extra, ...]
    home: Path
    weights: tuple[WeightFile, ...]

    @property
    def troubles(self) -> tuple[str, ...]:
        """What keeps hoigen from working; absent weights do not, they are fetched on first use."""
        broken = [f"{package.name}: {package.trouble}" for package in self.packages if package.trouble]
        broken += [
            f"{file.name} is damaged; hoigen doctor --fetch mends it"
            for file in self.weights
            if file.state == "damaged"
        ]
        broken += [f"no decoder for {codec}" for codec in DECODERS if codec not in self.codecs]
        if not _writable(self.home):
            broken.append(f"{self.home} cannot be written; set HOIGEN_HOME to a folder that can")
        return tuple(broken)

    def __str__(self) -> str:
        lines = [
            f"hoigen {self.hoigen}, Python {self.python}, {self.machine}",
            f"{self.cores} cores and {self.memory / GIB:.1f} GiB of memory for this process",
            f"decoders: {', '.join(self.codecs)}",
            "",
            "Libraries",
            *(_package_line(package) for package in self.packages),
            "",
            "Extras",
            *(line for extra in self.extras for line in _extra_lines(extra)),
            "",
            f"Weights, in {self.home} (HOIGEN_HOME moves them)",
            *(_weight_line(file) for file in self.weights),
        ]
        absent = sum(file.state == "absent" for file in self.weights)
        if absent:
            lines.append(f"  {absent} to fetch: on first use, or all of them now with hoigen doctor --fetch")
        troubles = [f"  {text}" for text in self.troubles]
        return "\n".join([*lines, "", *(["Troubles", *troubles] if troubles else ["All is well."])])


def _package_line(package: Package) -> str:
    return f"  {package.name:24} {package.version or 'missing':12} {package.trouble}".rstrip()


def _extra_lines(extra: Extra) -> list[str]:
    state = "present" if extra.present else f"missing; in hoigen's folder: pip install '.[{extra.name}]'"
    packages = ", ".join(f"{p.name} {p.version or 'missing'}" for p in extra.packages)
    return [f"  [{extra.name}] {state}", f"      for {extra.gives}", f"      {packages}"]


def _weight_line(file: WeightFile) -> str:
    size = f"{file.bytes / (1 << 20):.1f} MiB" if file.bytes else ""
    return f"  {file.name:28} {file.state:8} {size:>9}  {file.licence:13} {file.origin}"


def doctor(*, fetch: bool = False) -> Health:
    """Says what is installed, what each extra would give, and where model files are kept.

    Args:
        fetch: fetch all model files and samples now, so that later runs need no network.

    Raises WeightsError when `fetch` is asked for and a file cannot be had.
    """
    from hoigen import weights

    if fetch:
        _fetch()
    return Health(
        hoigen=metadata.version("hoigen"),
        python=platform.python_version(),
        machine=platform.platform(terse=True),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        memory=_memory(),
        codecs=_codecs(),
        packages=tuple(_package(needed, imported=True) for needed in _requirements("")),
        extras=tuple(
            Extra(name, gives, tuple(_package(needed, imported=False) for needed in _requirements(name)))
            for name, gives in EXTRAS.items()
        ),
        home=weights.home(),
        weights=tuple(_weight(name) for name in weights.WEIGHTS),
    )


def _fetch() -> None:
    from hoigen import weights

    for name in weights.WEIGHTS:
        if _weight(name).state == "damaged":
            weights.path_of(name).unlink()
        weights.locate(name)


def _weight(name: str) -> WeightFile:
    from hoigen import weights

    weight, path = weights.describe(name), weights.path_of(name)
    state, size = "absent", 0
    if path.is_file():
        content = path.read_bytes()
        size = len(content)
        state = "fetched" if hashlib.sha256(content).hexdigest() == weight.sha256 else "damaged"
    return WeightFile(name, state, size, weight.origin, weight.licence, path)


def _requirements(extra: str) -> list[str]:
    """What the package asks for, as in pyproject.toml: of an extra, or, without a name, always."""
    wanted = []
    for text in metadata.requires("hoigen") or ():
        needed, _, marker = text.partition(";")
        named = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
        if (named.group(1) if named else "") == extra:
            wanted.append(needed.strip())
    return wanted


def _package(needed: str, *, imported: bool) -> Package:
    """Whether it is there and new enough and, when `imported`, whether it can be imported."""
    name = re.split(r"[^A-Za-z0-9._-]", needed, maxsplit=1)[0]
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Package(name, None, f"missing; pip install '{needed}'")
    least = re.search(r">=\s*([\d.]+)", needed)
    if least and _numbers(version) < _numbers(least.group(1)):
        return Package(name, version, f"too old; pip install '{needed}'")
    if imported:
        try:
            importlib.import_module(MODULES.get(name, name.replace("-", "_")))
        except Exception as error:  # a broken native library raises anything
            return Package(name, version, f"cannot be imported: {type(error).__name__}: {error}")
    return Package(name, version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _codecs() -> tuple[str, ...]:
    """Which of the usual codecs can be decoded."""
    try:
        from av.codec import codecs_available
    except ImportError:
        return ()
    return tuple(codec for codec, names in DECODERS.items() if codecs_available & set(names))


def _memory() -> int:
    """Bytes that this process may use: of the machine, or of its container when that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total


def _writable(folder: Path) -> bool:
    """Whether files can be put there, by the nearest folder above that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > 0
