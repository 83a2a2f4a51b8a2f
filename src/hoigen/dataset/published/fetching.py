"""What a list names by address -> files in a folder. Video sites are left to a program of the user's own."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import os
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from hoigen.core import hosts, uris
from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError
from hoigen.data.files import Folder
from hoigen.data.sources.source import UNREADABLE, Source
from hoigen.dataset.mapping import DIGESTS, Files, file_in, missing_writer, name_of
from hoigen.models import urls
from hoigen.work import program

VIDEO_SITES = (
    *("youtube.com", "youtu.be", "youtube-nocookie.com", "googlevideo.com", "vimeo.com", "vimeocdn.com"),
    *(
        "dailymotion.com",
        "dai.ly",
        "bilibili.com",
        "b23.tv",
        "bilivideo.com",
        "tiktok.com",
        "tiktokcdn.com",
        "twitch.tv",
    ),
    *(
        "facebook.com",
        "fb.watch",
        "fbcdn.net",
        "instagram.com",
        "cdninstagram.com",
        "x.com",
        "twitter.com",
        "twimg.com",
    ),
    *("rumble.com", "youku.com", "iqiyi.com", "v.qq.com", "vk.com", "vk.ru", "ok.ru", "nicovideo.jp"),
    *("pexels.com", "pixabay.com", "mixkit.co", "videvo.net", "shutterstock.com", "gettyimages.com", "istockphoto.com"),
)
"""Sites that show or sell videos, with all below them: their terms say who may have a file, and hoigen asks none."""
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.+ -]{0,150}")
"""What may become the name of a file."""
SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
BARRED = "it is on a video site: hoigen downloads from none; --command says what program of yours does"


class VideoSite(ValueError):
    """An address of a video site."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of the addresses of a list: `names` is the sum of all.

    Args:
        folder: in which the files are.
        missing_out: those that are not there, with why.
        names: different files of the list.
        there: those that were there before.
        fetched: those that came now.
        failed: why the others did not -> how many.
    """

    folder: Path
    missing_out: Path
    names: int
    there: int
    fetched: int
    failed: Mapping[str, int]

    @property
    def incomplete(self) -> bool:
        """Whether nothing is there; the command then exits with 1."""
        return not self.there + self.fetched

    @property
    def partial(self) -> bool:
        """Whether some files did not come; the command then exits with 3."""
        return bool(self.failed)

    def __str__(self) -> str:
        missing = self.names - self.there - self.fetched
        lines = [f"{self.names} files in the list, {self.there} were there, {self.fetched} fetched, {missing} missing"]
        lines += [f"  missing {count}: {why}" for why, count in self.failed.items()]
        return "\n".join([*lines, f"{self.folder}: the files; {self.missing_out}: what is missing"])


def words_of(command: str) -> list[str]:
    """The words of a command of the user's own. Raises UsageError unless it has {url} and {path}.

    Args:
        command: as for a shell, which none is: `yt-dlp -o {path} {url}`.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command {command!r}: {error}") from None
    lacking = [each for each in ("{url}", "{path}") if not any(each in word for word in words)]
    if lacking:
        raise UsageError(
            f"--command {command!r}: {' and '.join(lacking)} must stand in it, as in yt-dlp -o {{path}} {{url}}"
        )
    return words


def is_video_site(url: str) -> bool:
    """Whether an address is one of a video site.

    Args:
        url: the address.
    """
    host = (urlsplit(url).hostname or "").rstrip(".").lower()
    with contextlib.suppress(UnicodeError):  # `ｙoutube。com` is asked for as youtube.com
        host = host.encode("idna").decode("ascii")
    return any(host == site or host.endswith(f".{site}") for site in VIDEO_SITES)


def fetch(
    rows: Iterable[Source],
    folder: Path,
    *,
    command: Sequence[str] = (),
    rate: float | None = None,
    quiet: bool = False,
    patience: Seconds = 600.0,
) -> Fetched:
    """Brings the files that rows name by address, one after the other; run again, it brings only what is missing.

    A file is gone on with where it broke off, checked by its digest where the list has one (`sha256`, `sha1`, `md5`,
    `digest`), and gets its name when it is whole. Addresses have to be such that `hoigen curate` would open
    (docs/security.md), and none of a video site: those go to `command`.

    Args:
        rows: of the list; several of one file count once, and one that cannot be read (`UNREADABLE` in its `meta`) is a
            file that is missing.
        folder: for the files; it is made.
        command: the words of a program for addresses of video sites, with {url} and {path}; it is run without a shell.
        rate: bytes a second, at most, of what hoigen itself downloads.
        quiet: no progress bars.
        patience: seconds that `command` may write nothing before it is ended.

    Raises Locked when another process fetches into that folder, UsageError when no row can be read.
    """
    here = Folder(str(folder))
    missing_out = folder / "fetch.missing.csv"
    with here.lock(".fetching"), here.writing(missing_out.name) as bad:
        told = missing_writer(bad)
        job = _Job(folder, command, rate, quiet, patience)
        seen: dict[str, str] = {}
        counted: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        unread = ""
        for source in rows:
            if why := source.meta.get(UNREADABLE):
                counted["names"] += 1
                failed["its row of the list cannot be read"] += 1
                told([PurePosixPath(source.uri).name, "", None, None, str(why)])
                unread = unread or str(why)
                continue
            name, url = name_of(source), source.uri if "://" in source.uri else str(source.meta.get("url") or "")
            url = url if uris.scheme_of(url) != "file" else ""
            if name in seen:
                if url and seen[name] != url:
                    counted["names"] += 1
                    failed["another address has its name"] += 1
                    told([name, uris.masked(url), None, None, "another address has its name"])
                continue
            seen[name] = url
            counted["names"] += 1
            how, why = job.one(name, url, source)
            if why:
                failed[re.sub(r"[0-9a-f]{32,}", "…", why)] += 1
                told([name, uris.masked(url), None, None, why])
            else:
                counted[how] += 1
        if unread and not seen:
            raise UsageError(unread)
    return Fetched(
        folder, missing_out, counted["names"], counted["there"], counted["fetched"], dict(failed.most_common())
    )


class _Job:
    """What one file after the other is fetched with."""

    def __init__(
        self, folder: Path, command: Sequence[str], rate: float | None, quiet: bool, patience: Seconds
    ) -> None:
        self.folder, self.command, self.quiet, self.patience = folder, command, quiet, patience
        self.files = Files([folder])
        self.throttle = urls.Throttle(rate) if rate else None
        self.opens = hosts.opener(_no_video_site).open

    def one(self, name: str, url: str, source: Source) -> tuple[str, str]:
        """Whether the file was `there` or is `fetched`; or why it is missing."""
        if not NAME.fullmatch(name):
            return "", "its name is none of a file"
        digest = next((str(source.meta[key]).strip().lower() for key in DIGESTS if source.meta.get(key)), "")
        kind = {32: "md5", 40: "sha1", 64: "sha256"}.get(len(digest), "")
        if digest and not kind:
            return "", "its digest is none of md5, sha1, sha256"
        wrong = uris.fault(url) if url else "the list has no address of it"
        suffix = "" if wrong else file_in(url).suffix
        path = self.folder / f"{name}{suffix if SUFFIX.fullmatch(suffix) else '.mp4'}"
        have = path if path.exists() else next(map(Path, self.files.named(name)), None)
        if have is not None:
            if digest and _digest(have, kind) != digest:
                return "", f"a file of its name is there and has another {kind}; delete it and try again"
            return "there", ""
        if wrong:
            return "", wrong

        def check(part: Path) -> None:
            if digest and (came := _digest(part, kind)) != digest:
                raise ValueError(f"its {kind} is {came}, and {digest} in the list")

        try:
            if is_video_site(url):
                return self._by_command(name, url, path, check)
            urls.download(url, path, check, quiet=self.quiet, opens=self.opens, throttle=self.throttle)
        except (OSError, ValueError, ImportError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise  # of this machine's disk, as it would be for every other file
            why = getattr(error, "reason", None) if isinstance(error, OSError) else None
            words = f"{why if isinstance(why, Exception) else error}".split()  # a reason is one line
            return "", " ".join(words) or type(error).__name__
        return "fetched", ""

    def _by_command(self, name: str, url: str, path: Path, check: Callable[[Path], None]) -> tuple[str, str]:
        """Has the program of the user's own fetch it. What it leaves half done or wrong does not stay under the name of
        the file: it would be taken for the file the next time."""
        if not self.command:
            return "", BARRED
        words = [word.replace("{url}", url).replace("{path}", str(path)) for word in self.command]
        whole = False
        try:
            if wrong := _ended(words, path, self.patience):
                return "", wrong
            came = path if path.exists() else next(map(Path, Files([self.folder]).named(name)), None)
            if came is None:
                return "", "the command left no file of its name"
            check(came)
            whole = True
        finally:
            if not whole:
                path.unlink(missing_ok=True)
        return "fetched", ""


def _ended(words: Sequence[str], path: Path, patience: Seconds) -> str:
    """How a program of the user's own came to no good end; empty where it did well. It ends with this process.

    Args:
        words: its command.
        path: the file that it makes; others whose names begin alike are taken for its parts.
        patience: seconds without a change to any of them after which it is ended.

    Raises UsageError when it cannot be started.
    """
    signs = [program.files_of(path.parent, f"{glob.escape(path.stem)}*")]
    try:
        code = program.ended(words, folder=Path.cwd(), environment=os.environ, patience=patience, signs=signs)
    except OSError as error:
        raise UsageError(f"--command {words[0]}: {error.strerror or error}") from None
    if code is None:
        return f"the command wrote nothing for {patience:g} s, and was ended"
    return f"the command ended with code {code}" if code else ""


def _no_video_site(url: str) -> None:
    if is_video_site(url):
        raise VideoSite(BARRED)


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, kind).hexdigest()
