"""hoigen doctor: what this machine has, and what it lacks."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import platform
import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.core.settings import Setting

if TYPE_CHECKING:
    from hoigen.models.cards import ModelCard

MODULES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "opencv-python-headless": "cv2",
    "pyyaml": "yaml",
}
"""Package -> what to import, where that is another name."""

EXTRAS = {
    "categories": "objects and actions out of captions, by rules",
    "experts": "captions and judgements by served language models (any OpenAI-compatible endpoint)",
    "lance": "datasets as Lance (hoigen export --to lance)",
    "models": "models in this process: language (PLLaVA too), aesthetics, flow, VBench, detectors",
    "ray": "runs on the machines of a Ray cluster (--executor ray, docs/cluster.md)",
    "review": "the app in which people verify clips (hoigen review)",
    "stats": "figures of a dataset (hoigen stats)",
    "train": "videos of prompts by text-to-video models, and their fine-tuning (diffusers)",
    "watch": "numbers of a run at work for Prometheus (hoigen watch --prometheus)",
    "web": "videos and lists at http:// and https:// addresses",
}
"""What each extra is for."""

DECODERS = {name: (name,) for name in ("h264", "hevc", "vp9", "mpeg4", "prores")} | {"av1": ("libdav1d", "libaom-av1")}
"""Codec -> the decoders that will do; FFmpeg's own `av1` needs a graphics card."""
GIB = 1 << 30
SIZE, FPS, FRAMES, STEP = (64, 48), 25, 12, 14
"""The video of the self-test: width and height in pixels, frames per second, frames, levels of grey between them."""


@dataclass(frozen=True, slots=True)
class _Package:
    """One library. `trouble` is empty when it works and its version is one that hoigen was written for."""

    name: str
    version: str | None
    trouble: str = ""

    def __str__(self) -> str:
        return f"  {self.name:24} {self.version or 'missing':12} {self.trouble}".rstrip()


@dataclass(frozen=True, slots=True)
class _Extra:
    """What `pip install '.[NAME]'` in hoigen's folder brings."""

    name: str
    gives: str
    packages: tuple[_Package, ...]

    @property
    def unfit(self) -> tuple[_Package, ...]:
        """Packages that are installed, and too old, too new or broken."""
        return tuple(package for package in self.packages if package.version and package.trouble)

    @property
    def in_use(self) -> bool:
        """Whether all its packages are installed, whatever their versions."""
        return all(package.version for package in self.packages)

    def __str__(self) -> str:
        if not any(package.trouble for package in self.packages):
            state = "present"
        elif self.in_use:
            state = "does not fit"
        else:
            state = f"missing; in hoigen's folder: pip install '.[{self.name}]'"
        packages = ", ".join(f"{p.name} {p.version or 'missing'}" for p in self.packages)
        unfit = [f"      {p.name} {p.version}: {p.trouble}" for p in self.unfit]
        return "\n".join([f"  [{self.name}] {state}", f"      for {self.gives}", f"      {packages}", *unfit])


@dataclass(frozen=True, slots=True)
class _WeightFile:
    """A model file, or a sample: `absent`, `fetched`, or `damaged` when its digest is not the pinned one."""

    name: str
    state: str
    bytes: int
    origin: str
    licence: str
    path: Path

    def __str__(self) -> str:
        size = f"{self.bytes / (1 << 20):.1f} MiB" if self.bytes else ""
        return f"  {self.name:28} {self.state:8} {size:>9}  {self.licence:13} {self.origin}"


@dataclass(frozen=True, slots=True)
class _Unpinned:
    """A model file whose publisher gives no whole digest, or a revision of the hub that may move.

    noted: the sha256, or the commit, that came first to this machine, and that whatever comes later has to have; empty
    when none has come. day: when.
    """

    name: str
    noted: str = ""
    day: str = ""

    def __str__(self) -> str:
        noted = f"{self.noted}, noted on {self.day}" if self.noted else "nothing noted yet: the first to come counts"
        return f"  {self.name:28} {noted}"


@dataclass(frozen=True, slots=True)
class Health:
    """What was found."""

    hoigen: str
    python: str
    machine: str
    cores: int
    memory: int
    codecs: tuple[str, ...]
    ffmpegs: tuple[str, ...]
    packages: tuple[_Package, ...]
    extras: tuple[_Extra, ...]
    home: Path
    weights: tuple[_WeightFile, ...]
    unpinned: tuple[_Unpinned, ...] = ()
    lock: Path | None = None
    self_test: str = ""
    """What went wrong when a small video was written and read back; empty when nothing did."""

    @property
    def troubles(self) -> tuple[str, ...]:
        """What keeps hoigen, or an extra that is installed, from working; absent weights do not, they are fetched on
        first use."""
        unfit = [package for extra in self.extras if extra.in_use for package in extra.unfit]
        broken = [f"{p.name}: {p.trouble}" for p in dict.fromkeys((*self.packages, *unfit)) if p.trouble]
        broken += [f"a video that was written here cannot be read back: {self.self_test}"] if self.self_test else []
        broken += [
            f"{file.name} is damaged; hoigen doctor --fetch mends it"
            for file in self.weights
            if file.state == "damaged"
        ]
        broken += [f"no decoder for {codec}" for codec in DECODERS if codec not in self.codecs]
        folder = self.home  # or the nearest folder above that exists
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not (folder.is_dir() and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free):
            broken.append(f"{self.home} cannot be written; set HOIGEN_HOME to a folder that can")
        return tuple(broken)

    @property
    def incomplete(self) -> bool:
        """Whether there are troubles: the command then ends with 1."""
        return bool(self.troubles)

    def __str__(self) -> str:
        lines = [
            f"hoigen {self.hoigen}, Python {self.python}, {self.machine}",
            f"{self.cores} cores and {self.memory / GIB:.1f} GiB of memory for this process",
            f"decoders: {', '.join(self.codecs)}",
            *(f"FFmpeg that comes with {each}" for each in self.ffmpegs),
            f"a video written here and read back: {'FAILED' if self.self_test else 'fine'}",
            "",
            "Libraries",
            *map(str, self.packages),
            "",
            "Extras",
            *map(str, self.extras),
            "",
            f"Weights, in {self.home} (HOIGEN_HOME moves them)",
            *map(str, self.weights),
        ]
        absent = sum(file.state == "absent" for file in self.weights)
        if absent:
            lines.append(f"  {absent} to fetch: on first use, or all of them now with hoigen doctor --fetch")
        where = f"noted in {self.lock}" if self.lock else "nowhere to note it: there is no home folder"
        lines += ["", f"Model files without a published sha256, and revisions of the hub; what came first is {where}"]
        lines += map(str, self.unpinned)
        troubles = [f"  {text}" for text in self.troubles]
        return "\n".join([*lines, "", *(["Troubles", *troubles] if troubles else ["All is well."])])


def doctor(
    *,
    fetch: Annotated[
        bool, Setting("fetch all model files and samples now, so that later runs need no network")
    ] = False,
) -> Health:
    """Says what is installed and whether it fits, what each extra would give, and where model files are kept.

    Writes a small video and reads it back. The command ends with 1 when there is trouble.

    Raises WeightsError when `fetch` is asked for and a file cannot be had.
    """
    from hoigen.core.places import home
    from hoigen.models import files, lock
    from hoigen.models.cards import CARDS, Url
    from hoigen.work.task import cores

    if fetch:
        for card in _bundled():
            files.locate(card)
    try:
        from av.codec import codecs_available
    except ImportError:
        codecs_available = set()
    # bytes that this process may use: of the machine, or of its container when that is less
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError):
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        memory = min(memory, int(limit)) if limit.isdigit() else memory
    weights = []
    for card in _bundled():
        path, state, content = files.path_of(card), "absent", b""
        if path.is_file():
            content = path.read_bytes()
            state = "fetched" if hashlib.sha256(content).hexdigest() == card.sha256 else "damaged"
        weights.append(_WeightFile(card.id, state, len(content), card.origin, card.licence, path))
    # by their cards, and what the lock file holds besides
    bare = [card.id for card in CARDS.values() if isinstance(card.source, Url) and not card.pinned]
    noted, revisions = lock.entries("files"), lock.entries("revisions")
    pins = [(name, noted.get(name, {}), "sha256") for name in dict.fromkeys((*bare, *noted))]
    pins += [(name, entry, "commit") for name, entry in revisions.items()]
    return Health(
        hoigen=metadata.version("hoigen"),
        python=platform.python_version(),
        machine=platform.platform(terse=True),
        cores=cores(),
        memory=memory,
        codecs=tuple(codec for codec, names in DECODERS.items() if codecs_available & set(names)),
        ffmpegs=_ffmpegs(),
        packages=tuple(_package(needed, imported=True) for needed in _requirements("")),
        extras=tuple(
            _Extra(name, gives, tuple(_package(needed, imported=False) for needed in _requirements(name)))
            for name, gives in EXTRAS.items()
        ),
        home=home(),
        weights=tuple(weights),
        unpinned=tuple(_Unpinned(name, entry.get(key, ""), entry.get("noted", "")) for name, entry, key in pins),
        lock=lock.lock_file(),
        self_test=_self_test(),
    )


def _bundled() -> list[ModelCard]:
    """The files that come from the Python registry: those of the recipe lite, and samples."""
    from hoigen.models.cards import CARDS, WheelMember

    return [card for card in CARDS.values() if isinstance(card.source, WheelMember)]


def _requirements(extra: str) -> list[str]:
    """What the package asks for: of an extra, or, without a name, always.

    In a checkout that is pyproject.toml itself: what an editable install has noted is as old as that install.
    """
    own = _pyproject()
    if own is not None:
        return list(own["optional-dependencies"].get(extra, ()) if extra else own["dependencies"])
    wanted = []
    for text in metadata.requires("hoigen") or ():
        needed, _, marker = text.partition(";")
        named = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
        if (named.group(1) if named else "") == extra:
            wanted.append(needed.strip())
    return wanted


def _pyproject() -> dict[str, Any] | None:
    """`project` of the checkout that this file belongs to; None where hoigen is installed."""
    import tomllib

    path = Path(__file__).resolve().parents[3] / "pyproject.toml"
    try:
        project: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        return None
    return project if project.get("name") == "hoigen" else None


def _package(needed: str, *, imported: bool) -> _Package:
    """Whether it is there, neither too old nor too new and, when `imported`, whether it can be imported."""
    from hoigen.core.versions import fit, name_and_bounds

    name, bounds = name_and_bounds(needed)
    try:
        version: str | None = metadata.version(name)
    except metadata.PackageNotFoundError:
        return _Package(name, None, f"missing; pip install '{needed}'")
    except KeyError:
        version = None
    if version is None:
        return _Package(name, None, f"its metadata names no version; pip install --force-reinstall '{needed}'")
    try:
        found = fit(version, bounds)
    except ValueError as error:
        return _Package(name, version, f"{error}; pip install --force-reinstall '{needed}'")
    if found != "fits":
        return _Package(name, version, f"{found}; pip install '{needed}'")
    if imported:
        try:
            importlib.import_module(MODULES.get(name, name.replace("-", "_")))
        except Exception as error:  # a broken native library raises anything
            return _Package(name, version, f"cannot be imported: {type(error).__name__}: {error}")
    return _Package(name, version)


def _ffmpegs() -> tuple[str, ...]:
    """Each FFmpeg that a package brings, and its version: a hole in one is closed by a newer package."""
    found = []
    try:
        import av

        version = ".".join(map(str, av.library_versions["libavcodec"]))
        found.append(f"PyAV {av.__version__}: {av.ffmpeg_version_info}, libavcodec {version}; all videos go through it")
    except (ImportError, AttributeError, KeyError):
        found.append("PyAV: its version cannot be told")
    try:
        import cv2

        built = re.search(r"avcodec:\s+YES \(([\d.]+)\)", cv2.getBuildInformation())
        word = f"libavcodec {built[1]}" if built else "none"
        found.append(f"OpenCV {cv2.__version__}: {word}; hoigen opens no video with it")
    except (ImportError, AttributeError):
        found.append("OpenCV: its version cannot be told")
    return tuple(found)


def _self_test() -> str:
    """Writes a small video and reads it back as every command does: what went wrong, or nothing."""
    try:
        import av
        import numpy as np

        from hoigen import video
        from hoigen.core.clip import Clip, Sampling

        with tempfile.TemporaryDirectory(prefix="hoigen-doctor-") as folder:
            path = Path(folder) / "video.mp4"  # frames each of which is brighter than the last
            with av.open(str(path), "w") as container:
                stream = container.add_stream("libx264", rate=FPS)
                stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
                for at in range(FRAMES):
                    image = np.full((SIZE[1], SIZE[0], 3), 40 + STEP * at, np.uint8)
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                container.mux(stream.encode(None))
            header = video.probe(str(path))
            found = header.width, header.height, round(header.fps)
            if found != (*SIZE, FPS):
                return f"written with width, height and fps {(*SIZE, FPS)}, read with {found}"
            width, height = SIZE
            clip = Clip(id="doctor", uri=str(path), end=header.duration, width=width, height=height, fps=FPS)
            every = Sampling(fps=FPS, short_side=None)
            frames = video.decode(clip, [every])[every]
            means = [round(float(image.mean())) for image in frames.images]
    except Exception as error:  # a library that does not fit raises anything
        return f"{type(error).__name__}: {error}"
    wanted = [40 + STEP * at for at in range(FRAMES)]
    if len(means) != FRAMES or any(abs(got - want) > STEP // 2 for got, want in zip(means, wanted, strict=True)):
        return f"written with frames of the brightness {wanted}, read with {means}"
    return ""
