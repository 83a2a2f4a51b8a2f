"""Where models of the Hugging Face hub come from: a name and a revision -> a folder on this machine.

A model is named in one of three ways: a folder (or GGUF file) that is there, the card of a GGUF file
(`hoigen.models.cards`), or the id of a repository of the hub. What huggingface_hub reads from the environment holds
(HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE). Code that comes with a model is never run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hoigen.core.errors import SetupError, UsageError, shown
from hoigen.models import cards, files, lock

NEEDED = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors")
"""What is fetched of a repository: configuration, tokenizer, weights as safetensors."""
NOT_NEEDED = ("original/*", "onnx/*", "*/onnx/*", "runs/*")
COMMIT = re.compile(r"[0-9a-f]{40}\Z")
END = 1 << 20
"""Bytes at each end of a weight file that its digest covers: checkpoints of many GiB are not read twice."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model on this machine.

    Args:
        name: of the repository, the folder or the card.
        folder: where its files are.
        revision: what pins its content: a commit of the hub, or `local:` and a digest.
        gguf_file: the file in the folder that holds GGUF; empty without one.
    """

    name: str
    folder: Path
    revision: str
    gguf_file: str = ""


def identity(model: str, revision: str = "", gguf_file: str = "") -> dict[str, str]:
    """What an answer depends on of the model itself: its name and its content, never the place where it lies.

    A repository whose commit is not known on this machine yet goes by the revision asked for, `main` if none. For
    `model`, `revision` and `gguf_file` see `resolve`.
    """
    own = _own(model, revision, gguf_file)
    if own is None:
        commit = _commit_at_hand(model, revision or "main") or revision or "main"
        own = Found(model, Path(), commit, gguf_file)
    return {"model": own.name, "revision": own.revision} | ({"gguf_file": own.gguf_file} if own.gguf_file else {})


def resolve(model: str, revision: str = "", gguf_file: str = "", *, quiet: bool = False) -> Found:
    """The model's folder, fetched on first use.

    A revision that may move (a branch, a tag; `main` when none is asked for) stands for the commit that came first.

    Args:
        model: a folder, a .gguf file, the id of a card, or of a repository of the hub.
        revision: a branch, a tag or a commit of the hub.
        gguf_file: the file within a repository or folder that holds GGUF.
        quiet: no progress bars.

    Raises SetupError or UsageError that says what to do.
    """
    own = _own(model, revision, gguf_file)
    if own is not None and not Path(model).expanduser().exists():
        files.locate(model, quiet=quiet)
    if own is None:
        wanted = {"allow_patterns": [gguf_file] if gguf_file else list(NEEDED), "ignore_patterns": list(NOT_NEEDED)}
        folder = _fetched(model, revision or "main", quiet, wanted)
        own = Found(model, folder, folder.name if COMMIT.match(folder.name) else revision or "main", gguf_file)
        if COMMIT.match(own.revision) and not COMMIT.match(revision):
            lock.hold_revision(model, revision or "main", own.revision)
    if own.gguf_file:
        if not (own.folder / own.gguf_file).is_file():
            raise SetupError(f"model {own.name!r}: it has no file {own.gguf_file}")
        return own
    # what would else fail deep within transformers
    if not (own.folder / "config.json").is_file():
        raise SetupError(f"model {own.name!r}: no config.json in {own.folder}: not a transformers model")
    if (own.folder / "adapter_config.json").exists():
        raise SetupError(
            f"model {own.name!r}: {own.folder} holds an adapter (adapter_config.json), which names a further "
            "model; merge it into that model and give the folder of the whole"
        )
    missing = [name for name in weight_files(own.folder) if not (own.folder / name).is_file()]
    if missing:
        raise SetupError(f"model {own.name!r}: {', '.join(missing[:3])} missing in {own.folder}")
    if not weight_files(own.folder):
        raise SetupError(f"model {own.name!r}: no .safetensors files in {own.folder}; hoigen loads no pickles")
    return own


PIPELINE = "model_index.json"
"""The file that names the parts of a pipeline of diffusers."""
LIBRARIES = ("diffusers", "transformers")
"""Whose classes a part may be; what is another's is code of a stranger."""
OTHER_PRECISION = ("*.fp16.safetensors", "*.bf16.safetensors", "*.fp16-*.safetensors", "*.bf16-*.safetensors")
"""Copies of weights with fewer digits, beside the whole ones."""


def resolve_pipeline(model: str, revision: str = "", *, quiet: bool = False) -> Found:
    """The folder of a pipeline of diffusers, fetched on first use: its parts, and no other file of the repository.

    Args:
        model: a folder with model_index.json, or the id of a repository of the hub.
        revision: a branch, a tag or a commit of the hub.
        quiet: no progress bars.

    Raises SetupError or UsageError that says what to do, also for parts whose classes are neither diffusers' nor
    transformers', and for weights that are no safetensors.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        if revision:
            raise UsageError(f"revision: {model} is a folder of this machine; revisions are of hub repositories only")
        parts = pipeline_parts(path)
        covered = [path / PIPELINE, *(each for part in parts for each in sorted((path / part).rglob("*")))]
        facts = tuple((each, each.stat().st_size, each.stat().st_mtime_ns) for each in covered if each.is_file())
        found = Found(path.resolve().name, path, f"local:{_digest_of(facts)}")
    else:
        if path.exists() or model.startswith((".", "/", "~")):
            raise UsageError(f"model: no such folder: {model}")
        asked = revision or "main"
        parts = pipeline_parts(_fetched(model, asked, quiet, {"allow_patterns": [PIPELINE]}))
        wanted = [PIPELINE, *(f"{part}/{pattern}" for part in parts for pattern in NEEDED)]
        folder = _fetched(model, asked, quiet, {"allow_patterns": wanted, "ignore_patterns": list(OTHER_PRECISION)})
        found = Found(model, folder, folder.name if COMMIT.match(folder.name) else asked)
        if COMMIT.match(found.revision) and not COMMIT.match(revision):
            lock.hold_revision(model, asked, found.revision)
    for part in parts:
        here = found.folder / part
        if not here.is_dir():
            raise SetupError(f"model {found.name!r}: {PIPELINE} names the part {part}, and {here} is no folder")
        pickles = [each.name for each in sorted(here.glob("*.bin"))] + [each.name for each in sorted(here.glob("*.pt"))]
        if pickles and not any(here.glob("*.safetensors")):
            raise SetupError(
                f"model {found.name!r}: {here} has no .safetensors, only {pickles[0]}; no pickle is loaded"
            )
    return found


def pipeline_parts(folder: Path) -> dict[str, str]:
    """The parts that a pipeline's `folder` names in its model_index.json: part -> class. Raises SetupError for a file
    that is none, and for classes of other libraries."""
    index = folder / PIPELINE
    try:
        listed = json.loads(index.read_text(encoding="utf-8"))
        named = {name: tuple(each) for name, each in listed.items() if isinstance(each, list) and any(each)}
        made_of = listed["_class_name"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise SetupError(f"{index} names no pipeline of diffusers: {why}") from None
    for name, each in named.items():
        if len(each) != 2 or each[0] not in LIBRARIES or not str(each[1]).isidentifier() or not name.isidentifier():
            raise SetupError(
                f"{index}: the part {shown(name)} is {shown(list(each))}; it may be a class of {' or '.join(LIBRARIES)}"
            )
    if not isinstance(made_of, str) or not made_of.isidentifier():
        raise SetupError(f"{index}: _class_name is the name of a pipeline of diffusers; it came as {shown(made_of)}")
    return {name: str(each[1]) for name, each in named.items()}


def at_hand(model: str, revision: str = "", gguf_file: str = "") -> Found | None:
    """The model where it is on this machine; None when it has to be fetched first. Asks no server. For `model`,
    `revision` and `gguf_file` see `resolve`."""
    own = _own(model, revision, gguf_file)
    if own is not None:
        return own if own.folder.is_dir() and (not gguf_file or (own.folder / own.gguf_file).is_file()) else None
    commit = _commit_at_hand(model, revision or "main")
    folder = _repository(model) / "snapshots" / commit if commit else None
    return Found(model, folder, commit, gguf_file) if folder is not None and folder.is_dir() else None


def _own(model: str, revision: str, gguf_file: str) -> Found | None:
    """A model that needs no hub: a path, or a GGUF file that has a card."""
    path = Path(model).expanduser()
    if not path.exists():
        if model in cards.FILES:
            card = cards.of_file(model)
            if not card.file.endswith(".gguf"):
                raise UsageError(f"model: the weights {card.id!r} are no language model")
            if revision or gguf_file:
                raise UsageError(f"model {card.id!r} is one pinned file; it takes neither revision nor gguf_file")
            path = files.path_of(card)
            return Found(card.id, path.parent, f"local:{card.sha256[:16]}", path.name)
        if model.startswith((".", "/", "~")):
            raise UsageError(f"model: no such folder or file: {model}")
        return None
    if revision:
        raise UsageError(f"revision: {model} is a folder of this machine; revisions are of hub repositories only")
    if path.is_file():
        if gguf_file or path.suffix != ".gguf":
            raise UsageError(f"model: {model} is a file; a file is a .gguf, and then gguf_file stays empty")
        path, gguf_file = path.parent, path.name
    if gguf_file and not (path / gguf_file).is_file():
        raise UsageError(f"gguf_file: no {gguf_file} in {path}")
    covered = [path / gguf_file] if gguf_file else sorted(each for each in path.iterdir() if each.is_file())
    facts = tuple((each, each.stat().st_size, each.stat().st_mtime_ns) for each in covered)
    return Found(path.resolve().name, path, f"local:{_digest_of(facts)}", gguf_file)


@functools.lru_cache(maxsize=64)
def _digest_of(facts: tuple[tuple[Path, int, int], ...]) -> str:
    """16 hex digits over names, sizes and content; of a large file, its two ends."""
    total = hashlib.sha256()
    for path, size, _ in facts:
        total.update(f"{path.name}\0{size}\0".encode())
        with open(path, "rb") as file:
            total.update(file.read(END))
            if size > 2 * END:
                file.seek(-END, 2)
            total.update(file.read(END))
    return total.hexdigest()[:16]


def _commit_at_hand(model: str, revision: str) -> str:
    """The commit that a revision of the hub stands for, as this machine's cache last saw it; empty if it never did."""
    if COMMIT.match(revision):
        return revision
    try:
        return (_repository(model) / "refs" / revision).read_text().strip()
    except OSError:
        return ""


def _repository(model: str) -> Path:
    """Where the hub's own cache has a repository."""
    try:
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return Path("/nonexistent")
    return Path(HF_HUB_CACHE) / f"models--{model.replace('/', '--')}"


def _fetched(model: str, revision: str, quiet: bool, wanted: Mapping[str, list[str]]) -> Path:
    try:
        from huggingface_hub import errors, snapshot_download, utils
    except ImportError:
        raise SetupError(f"model {model!r} needs extra [models]: pip install 'hoigen[models]'") from None
    what = f"model {model!r}, revision {revision!r}"
    no_bars = quiet and not utils.are_progress_bars_disabled()
    try:
        _check_commit(model, revision)
        if no_bars:
            utils.disable_progress_bars()
        folder = snapshot_download(model, revision=revision, **wanted)
    except errors.HFValidationError:
        raise UsageError(f"model: {model!r} is neither a folder here nor an id of the hub (owner/name)") from None
    except errors.GatedRepoError:
        raise SetupError(
            f"{what}: its owner asks for consent: accept the licence on https://huggingface.co/{model}, "
            "then set HF_TOKEN or run `hf auth login`"
        ) from None
    except errors.RepositoryNotFoundError:
        raise SetupError(f"{what}: the hub has no such repository, or it is private (set HF_TOKEN)") from None
    except errors.RevisionNotFoundError:
        raise SetupError(f"{what}: the repository has no such branch, tag or commit") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, errors.HfHubHTTPError, OSError) as error:
        root = error.__cause__ or error
        why = (str(root).strip().splitlines() or [type(root).__name__])[0][:200]
        raise SetupError(
            f"{what}: not on this machine, and the hub cannot be reached ({why}). "
            f"On a connected machine: hf download {model}; copy its cache (HF_HOME) here, or give a folder as model"
        ) from None
    finally:
        if no_bars:
            utils.enable_progress_bars()
    return Path(folder)


def _check_commit(model: str, revision: str) -> None:
    """Raises SetupError before gigabytes are fetched when a revision stands for another commit than it first did."""
    if COMMIT.match(revision) or not lock.noted("revisions", f"{model}@{revision}"):
        return
    from huggingface_hub import HfApi

    try:
        commit = HfApi().repo_info(model, revision=revision).sha
    except Exception:  # what is wrong with the hub shows when the files are fetched
        return
    if commit:
        lock.hold_revision(model, revision, commit)


def weight_files(folder: Path) -> list[str]:
    """The names of the safetensors files in a `folder`, as the index lists them when the checkpoint is split.

    Raises SetupError for an index that names anything but safetensors files of that folder: transformers would open a
    pickle, or a file elsewhere, as it stands there.
    """
    listed = {path.name: _listed(path) for path in sorted(folder.glob("*.index.json"))}
    if (index := "model.safetensors.index.json") in listed:
        return listed[index]
    return sorted(path.name for path in folder.glob("*.safetensors"))


def _listed(index: Path) -> list[str]:
    try:
        files = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SetupError(f"{index} cannot be read: {type(error).__name__}: {error}") from None
    allowed = (".safetensors", ".bin") if index.name.startswith("pytorch_model.") else (".safetensors",)
    for name in files:
        plain = isinstance(name, str) and PurePosixPath(name).name == name and "\\" not in name and "\0" not in name
        if not plain or not name.endswith(allowed):
            raise SetupError(f"{index}: weight_map names {shown(name)}; it may name .safetensors files of that folder")
    return sorted(set(files))
