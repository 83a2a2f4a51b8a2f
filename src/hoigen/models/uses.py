"""Which models a measure, a detector or an expert uses: it declares them in `models`, and all else follows from that.

What is fetched before a run, which licences are printed, what of the files the fingerprint covers, and what the licence
ledger of a run names.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from hoigen.core.errors import HoigenError, UsageError
from hoigen.models import cards, files, hub, lock
from hoigen.models.cards import HubRepository, ModelCard, OwnFile, WheelMember
from hoigen.models.tensors import digest, own_file

UNPINNED = "unpinned"
UNKNOWN = "not known"
OWN_LICENCE = "not known: a file of one's own"
_said: set[str] = set()


@dataclass(frozen=True, slots=True)
class ModelUse:
    """One model that something uses.

    Args:
        id: of a card, for `kind` file; of a hub repository, a folder or a .gguf file, for hub; the name under which it
            is served, for served.
        kind: `file`: a file with a card, or one of one's own in its place. `hub`: what `hoigen.models.hub` finds.
            `served`: a server has it; nothing of it is on this machine.
        own: of a file: one of one's own that takes its place; empty for the card's.
        revision: of a hub repository: a branch, a tag or a commit; empty for `main`.
        gguf_file: the file within a hub repository or folder that holds GGUF.
        card: of a file: a card that hoigen does not know, which a measure of one's own brings.
    """

    id: str
    kind: Literal["file", "hub", "served"] = "file"
    own: str = ""
    revision: str = ""
    gguf_file: str = ""
    card: ModelCard | None = None

    @property
    def facts(self) -> ModelCard | None:
        """Its card; None for a model of which nothing is known. Raises UsageError for a file without a card."""
        return (self.card or cards.of_file(self.id)) if self.kind == "file" else cards.find(self.id)

    @property
    def notice(self) -> str:
        """A sentence on the licence when one has to know it before use."""
        card = self.facts
        own = self.own and not (card and isinstance(card.source, OwnFile))
        return card.notice if card is not None and not own and self.kind != "served" else ""

    def fetch(self, *, quiet: bool = False) -> None:
        """Brings it onto this machine, and checks it; no progress bar when `quiet`. Raises WeightsError, SetupError or
        UsageError."""
        if self.kind == "file":
            files.locate(self._card, self.own, quiet=quiet)
        elif self.kind == "hub":
            hub.resolve(self.id, self.revision, self.gguf_file, quiet=quiet)

    @property
    def _card(self) -> ModelCard:
        card = self.facts
        assert card is not None
        return card


@dataclass(frozen=True, slots=True)
class Undecided:
    """A model that the content of other files decides.

    Args:
        words: what it is, as long as those are not read.
        decide: reads them, and gives the model.
    """

    words: str
    decide: Callable[[], ModelUse] = field(compare=False)


AnyUse = ModelUse | Undecided


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network as settings describe it. Equal ones are loaded once; it can be sent to another process.

    Args:
        build: `module:function`, which makes a torch module of the files in the order in which they are named here. In
            a file of one's own: `f"{__name__}:built"`. The module may have `facts`, plain values that a measure has
            to know of it, and `ledger`, where that of its files is not all.
        files: names of published checkpoints, each with a file of one's own or an empty text.
        models: models of the hub, `owner/name`, `owner/name@revision`, or folders.
        options: further arguments of `build`, by name.
        device: auto, cpu, cuda, cuda:1.
        dtype: of the computation: float32 (strict, on a card, too), float16, bfloat16; auto: float16 on a card,
            float32 on a CPU.
        batch: rows that may go through it at once, of whatever clips. It changes no number.
        on_card: likewise on a graphics card; 0: as on a CPU.
    """

    build: str
    files: tuple[tuple[str, str], ...] = ()
    models: tuple[str, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    device: str = "auto"
    dtype: str = "float32"
    batch: int = field(default=1, compare=False)
    on_card: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        try:
            hash((self, *dict(self.files), *dict(self.options)))
        except (TypeError, ValueError) as error:
            raise UsageError(
                "Network: files and options: tuples of pairs, models: a tuple of names, and tuples instead of lists in "
                f"all of them ({error})"
            ) from None

    @property
    def name(self) -> str:
        """The name under which it is served, the same in every process of a run."""
        return repr(replace(self, batch=1, on_card=0))


@runtime_checkable
class UsesModels(Protocol):
    """A measure, a detector or an expert that uses model files: it declares all that its settings ask for.

    They are fetched once, in the parent, before any worker starts; `load` then finds them (`hoigen.models.files`,
    `hoigen.models.hub`). Their licences are printed before the run and stand in its ledger, and files out of wheels are
    part of a measure's fingerprint. What else pins them belongs into `identity`.
    """

    models: tuple[AnyUse, ...]


@runtime_checkable
class HasNetworks(Protocol):
    """A measure that asks networks: each is loaded once, in a process of its own, for all workers, and asked by its
    handle (`hoigen.models.room.handle`). Where there is no such process (no workers, a measure tried out), it is loaded
    in place, before the first clip. Where the measure declares nothing in `models`, its networks do (`UsesModels`).
    """

    networks: Sequence[Network]


@runtime_checkable
class HasFiles(Protocol):
    """A measure or finder whose networks are made of files: ids of cards, each with a file of one's own or empty. They
    are what it uses where it declares nothing in `models`."""

    files: Mapping[str, str]


def of_files(own: Mapping[str, str]) -> tuple[ModelUse, ...]:
    """Files by the ids of their cards. own: a file of one's own that takes its place, or empty."""
    return tuple(ModelUse(name, own=path) for name, path in own.items())


def named(*ids: str) -> tuple[ModelUse, ...]:
    """Files by the ids of their cards."""
    return tuple(map(ModelUse, ids))


def of_hub(name: str) -> ModelUse:
    """A model as settings name it: `owner/name`, `owner/name@revision`, or a folder, which keeps its @."""
    if Path(name).expanduser().exists() or "@" not in name:
        return ModelUse(name, "hub")
    model, _, revision = name.rpartition("@")
    return ModelUse(model, "hub", revision=revision)


def of(thing: Any) -> tuple[AnyUse, ...]:
    """What a `thing` (a measure, a detector, an expert) declares in `models`; of one that does not, its `files`, or
    else what its networks are made of.

    Raises UsageError for what is no ModelUse, and for a name without a card and without a file.
    """
    if isinstance(thing, UsesModels):
        declared = thing.models
        if not isinstance(declared, tuple) or not all(isinstance(use, ModelUse | Undecided) for use in declared):
            raise UsageError(f"{type(thing).__name__}.models: a tuple of ModelUse; it came as {declared!r}")
        return declared
    if isinstance(thing, HasFiles) and isinstance(thing, HasNetworks):
        return of_files(thing.files)
    found: list[AnyUse] = []
    for network in thing.networks if isinstance(thing, HasNetworks) else ():
        for name, path in network.files:
            if not path or name in cards.FILES:
                card = cards.of_file(name)
            else:  # a file of one's own that has no card: nothing is known of it
                plain = re.sub(r"[^\w.-]", "_", name).lstrip(".-") or "file"
                source = OwnFile(Path(path).name, "")
                card = ModelCard(id=plain, source=source, licence=OWN_LICENCE, use="not known", origin="")
            found.append(ModelUse(card.id, own=path, card=card))
        found += map(of_hub, network.models)
    return tuple(dict.fromkeys(found))


def of_all(things: Iterable[Any]) -> tuple[AnyUse, ...]:
    """What several `things` use, each once."""
    return tuple(dict.fromkeys(use for thing in things for use in of(thing)))


def decided(things: Iterable[Any]) -> tuple[ModelUse, ...]:
    """What several `things` use, with what is undecided looked up: that may read large files."""
    return tuple(dict.fromkeys(u.decide() if isinstance(u, Undecided) else u for u in of_all(things)))


def notices(things: Iterable[Any]) -> list[str]:
    """What one has to know of the licences of what `things` use before a run, each sentence once; of what is undecided,
    nothing is said."""
    known = (use.notice for use in of_all(things) if isinstance(use, ModelUse))
    return list(dict.fromkeys(filter(None, known)))


def fetch(things: Iterable[Any], *, quiet: bool = False) -> None:
    """Brings all that `things` use onto this machine; no progress bars when `quiet`. Raises WeightsError, SetupError or
    UsageError."""
    for use in decided(things):
        use.fetch(quiet=quiet)


def prepare(things: Sequence[Any], *, quiet: bool = False) -> None:
    """Before `things` are opened: prints the licences that one has to know, once a process, and fetches what they use;
    no progress bars when `quiet`."""
    for sentence in notices(things):
        say(sentence)
    fetch(things, quiet=quiet)


def say(notice: str) -> None:
    """Prints a `notice` on standard error, once a process."""
    if notice not in _said:
        _said.add(notice)
        print(f"hoigen: {notice}", file=sys.stderr)


def unsettled(things: Iterable[Any]) -> bool:
    """Whether `things` use a model of the hub of which only a branch or tag is known: its commit is not known on this
    machine yet."""
    known = (use for use in of_all(things) if isinstance(use, ModelUse))
    return any(use.kind == "hub" and UNPINNED in _revision(use) for use in known)


def pins(thing: Any) -> list[str]:
    """What the fingerprint of a `thing` covers by itself: files out of wheels by their digests, files with cards that
    hoigen does not know by what pins them, and all that the networks of a measure without `models` are made of. Of
    others, `identity` says it."""
    known = [use for use in of(thing) if isinstance(use, ModelUse)]
    found = [
        use._card.sha256 if isinstance(use._card.source, WheelMember) and not use.own else content_of(use)
        for use in known
        if use.kind == "file" and (use.card is not None or isinstance(use._card.source, WheelMember))
    ]
    if not isinstance(thing, UsesModels):
        found += [":".join(hub.identity(use.id, use.revision).values()) for use in known if use.kind == "hub"]
    return found


def content_of(use: ModelUse) -> str:
    """What pins the content of the published file that a `use` names, as far as it is published, or of the file in its
    place."""
    if use.own:
        return f"local:{digest(own_file(use.own))[:16]}"
    card = use._card
    return f"{card.file}:{card.sha256[:16]}" if card.sha256 else card.file


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One model of a run.

    Args:
        id: of its card, or the name of the repository.
        used_by: measures, or roles of the captioner.
        file: its name.
        source: where it comes from.
        revision: version of the package, or commit.
        sha256: of the file; `unpinned` where it is neither published nor noted on this machine; empty for a repository,
            which its commit pins.
        licence: of the file itself.
        use: who may use it for what, as cards have it.
        origin: who made it, and where.
        note: what to know of the licence before use.
    """

    id: str
    used_by: tuple[str, ...]
    file: str
    source: str
    revision: str
    sha256: str
    licence: str
    use: str
    origin: str
    note: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """As it stands in run.yaml."""
        return {name: value for name, value in asdict(self).items() if value} | {"used_by": list(self.used_by)}

    @property
    def pin(self) -> str:
        """What is equal where two machines had the same: a digest or a commit; else `unpinned`."""
        return self.sha256 or self.revision or UNPINNED


def recorded(rows: Any) -> tuple[LedgerEntry, ...]:
    """A ledger out of the `rows` of a run's files; rows that are none are left out."""
    names = [field.name for field in fields(LedgerEntry)]
    found = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("id"):
            texts = {name: str(row.get(name, "")) for name in names if name != "used_by"}
            used_by = row.get("used_by")
            found.append(LedgerEntry(used_by=tuple(map(str, used_by if isinstance(used_by, list) else ())), **texts))
    return tuple(found)


def with_pins(ledger: Iterable[LedgerEntry], before: Iterable[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """A `ledger` in which files that are not pinned on this machine keep the digest that was noted `before`."""
    noted = {(entry.id, entry.file): entry.sha256 for entry in before if entry.sha256 and UNPINNED not in entry.sha256}
    return tuple(
        replace(entry, sha256=noted.get((entry.id, entry.file), entry.sha256)) if UNPINNED in entry.sha256 else entry
        for entry in ledger
    )


def joined(*ledgers: Iterable[LedgerEntry]) -> tuple[LedgerEntry, ...]:
    """Several ledgers as one: what is in several stands there once, with all who use it."""
    found: dict[LedgerEntry, list[str]] = {}
    for entry in itertools.chain(*ledgers):
        found.setdefault(replace(entry, used_by=()), []).extend(entry.used_by)
    return tuple(replace(entry, used_by=tuple(dict.fromkeys(names))) for entry, names in found.items())


def ledger(users: Iterable[tuple[str, Any]]) -> tuple[LedgerEntry, ...]:
    """The licence ledger: every model that these use, once, with all who use it. users: a name and the thing itself."""
    who: dict[AnyUse, list[str]] = {}
    for name, thing in users:
        for use in of(thing):
            # also written where what decides cannot be read: its extra is not installed, it is elsewhere
            with contextlib.suppress(HoigenError, ImportError):
                use = use.decide() if isinstance(use, Undecided) else use
            who.setdefault(use, []).append(name)
    return tuple(replace(entry(use), used_by=tuple(dict.fromkeys(names))) for use, names in who.items())


def entry(use: AnyUse) -> LedgerEntry:
    """What the ledger says of the model of one `use`; `used_by` is empty."""
    if isinstance(use, Undecided):
        return LedgerEntry(
            id=use.words,
            used_by=(),
            file="",
            source="hub",
            revision=UNPINNED,
            sha256="",
            licence=UNKNOWN,
            use=UNKNOWN,
            origin="",
        )
    card = use.facts
    if use.kind == "file":
        return _of_own(use, use._card) if use.own else _of_card(use._card)
    if card is not None and not isinstance(card.source, HubRepository) and use.kind == "hub":
        if not Path(use.id).expanduser().exists():
            return _of_card(card)
        card = None  # a folder of that name
    here = use.kind == "hub" and Path(use.id).expanduser().exists()
    return LedgerEntry(
        id=use.id,
        used_by=(),
        file=use.gguf_file,
        source="a folder or file of one's own" if here else "served under that name" if use.kind == "served" else "hub",
        revision=use.revision or UNPINNED if use.kind == "served" else _revision(use),
        sha256="",
        licence=OWN_LICENCE if here else card.licence if card is not None else UNKNOWN,
        use=card.use if card is not None and not here else UNKNOWN,
        origin=card.where
        if card is not None and not here
        else ""
        if here or use.kind == "served"
        else f"https://huggingface.co/{use.id}",
        note=card.note if card is not None and not here else "",
    )


def _revision(use: ModelUse) -> str:
    """The commit, or for what has never been on this machine the branch or tag, which pins nothing."""
    pinned = hub.identity(use.id, use.revision, use.gguf_file)["revision"]
    return pinned if hub.COMMIT.match(pinned) or pinned.startswith("local:") else f"{pinned} ({UNPINNED})"


def _of_card(card: ModelCard) -> LedgerEntry:
    version = card.source.archive.version if isinstance(card.source, WheelMember) else ""
    return LedgerEntry(
        id=card.id,
        used_by=(),
        file=card.file,
        source=card.where,
        revision=version,
        sha256=card.sha256
        if card.pinned
        else lock.noted("files", card.id) or (f"{card.sha256}… ({UNPINNED})" if card.sha256 else UNPINNED),
        licence=card.licence,
        use=card.use,
        origin=card.origin,
        note=card.note,
    )


def _of_own(use: ModelUse, card: ModelCard) -> LedgerEntry:
    """A file of one's own in the place of a card. Of files that only come that way the card holds."""
    same = isinstance(card.source, OwnFile)
    return LedgerEntry(
        id=card.id,
        used_by=(),
        file=Path(use.own).name,
        source=f"a file of one's own; see {card.where}" if same and card.where else "a file of one's own",
        revision="",
        sha256=digest(own_file(use.own)),
        licence=card.licence if same else OWN_LICENCE,
        use=card.use if same else UNKNOWN,
        origin=card.origin if same else "",
        note=card.note if same else "",
    )
