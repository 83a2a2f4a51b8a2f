"""pooch and huggingface_hub against `hoigen.models.urls`: files over HTTP from a server that misbehaves.

PYTHONPATH=tests python benchmarks/libraries_download.py

The server is that of the tests (tests/publisher.py), on this machine. Each library fetches with what it offers for
tries, pooch with the digest where one is given. A case is passed when the file is right at the end, or, where there is
none to be had, an error is raised and no file is there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from libraries_venv import environment, lines, megabytes, start, version, with_source

TESTS = Path(__file__).resolve().parents[1] / "tests"
BASE = ("numpy", "pyyaml", "fsspec", "tqdm")
LIBRARIES = {
    "ours": ((), "import hoigen.models.urls"),
    "pooch": (("pooch==1.9.0",), "import pooch, requests"),
    "huggingface_hub": (("huggingface_hub==2.4.0",), "from huggingface_hub.file_download import http_get"),
}
MB = 1_000_000
BODY = os.urandom(24 * MB)
OTHER = os.urandom(24 * MB)
Fetch = Callable[[str, Path, str], None]


def by_ours(url: str, path: Path, sha256: str) -> None:
    from hoigen.models import urls

    urls.PAUSE = 0.05

    def check(part: Path) -> None:
        if sha256 and hashlib.sha256(part.read_bytes()).hexdigest() != sha256:
            raise ValueError("another digest")

    urls.download(url, path, check, quiet=True)


def by_pooch(url: str, path: Path, sha256: str) -> None:
    import pooch

    known, urls = {path.name: sha256 or None}, {path.name: url}
    one = pooch.create(path.parent, base_url="", registry=known, urls=urls, retry_if_failed=5)
    pooch.get_logger().setLevel("ERROR")
    one.fetch(path.name, downloader=pooch.HTTPDownloader(timeout=5))


def by_huggingface_hub(url: str, path: Path, sha256: str) -> None:
    """As `hf_hub_download` does: a file beside, gone on with, put in place when it is whole. It looks at no digest."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    part = path.with_name(path.name + ".incomplete")
    with part.open("ab") as file:
        http_get(url, file, resume_size=file.tell())
    if sha256 and hashlib.sha256(part.read_bytes()).hexdigest() != sha256:
        part.unlink()
        raise ValueError("another digest")
    part.replace(path)


WAYS: dict[str, Fetch] = {"ours": by_ours, "pooch": by_pooch, "huggingface_hub": by_huggingface_hub}


def cases() -> list[tuple[str, dict[str, Any], bool, bool]]:
    """Name, how the server behaves, whether the digest is known, whether the file can be had."""
    return [
        ("nothing is wrong", {}, True, True),
        ("nothing is wrong, no digest", {}, False, True),
        ("breaks off three times", {"breaks": [4 * MB, 6 * MB, 100]}, False, True),
        ("breaks off three times, digest known", {"breaks": [4 * MB, 6 * MB, 100]}, True, True),
        ("breaks off, no parts to be had", {"breaks": [4 * MB], "ranges": False}, False, True),
        ("breaks off, parts are the whole file", {"breaks": [4 * MB], "lies": True}, False, True),
        ("breaks off, no ETag", {"breaks": [4 * MB], "tag": False}, False, True),
        ("503 twice", {"busy": 2}, False, True),
        ("404", {"content": None}, False, False),
        ("a web page", {"headers": {"Content-Type": "text/html"}}, False, False),
        ("an empty file", {"content": b""}, False, False),
        ("another file than the digest's", {"content": OTHER}, True, False),
        ("every answer breaks off at a quarter", {"breaks": [6 * MB] * 20}, False, True),
        ("killed half way, then the same file", {"second": BODY}, False, True),
        ("killed half way, then another file", {"second": OTHER}, False, True),
    ]


def measured(name: str) -> None:
    from publisher import publishing

    fetch, passed = WAYS[name], 0
    for case, given, known, there in cases():
        given = dict(given)
        second = given.pop("second", None)
        with tempfile.TemporaryDirectory() as folder, publishing(**{"content": BODY, **given}) as publisher:
            path = Path(folder, "model.bin")
            url = f"http://127.0.0.1:{publisher.port}/model.bin"
            if second:
                _killed(name, publisher, url, path)
                publisher.content = second
                publisher.asked.clear()
            error = ""
            try:
                fetch(url, path, hashlib.sha256(BODY).hexdigest() if known else "")
            except Exception as raised:
                error = f"{type(raised).__name__}: {str(raised)[:70]}"
            if there:
                good = path.is_file() and path.read_bytes() == (second or BODY)
                said = "passed" if good else error or "a wrong file is there, and nothing is said"
            else:
                said = "passed" if error and not path.is_file() else "a file is there, and nothing is said"
        passed += said == "passed"
        went_on = sum(asked is not None for asked, _ in publisher.asked)
        sent = len(publisher.asked)
        more = f" ({sent} requests, {went_on} for the rest)" if sent + went_on > 1 else ""
        print(f"    {case:<38} {said}{more}", flush=True)
    print(f"    {passed} of {len(cases())} cases passed", flush=True)


def _killed(name: str, publisher: Any, url: str, path: Path) -> None:
    """Begins in a process that is killed when half of it has come."""
    publisher.breaks, publisher.stalls = [15 * MB], 3.0
    code = (
        "import sys; from pathlib import Path; from libraries_download import WAYS\n"
        "WAYS[sys.argv[1]](sys.argv[2], Path(sys.argv[3]), '')"
    )
    process = subprocess.Popen([sys.executable, "-c", code, name, url, str(path)], stderr=subprocess.DEVNULL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(2.5)
    process.kill()
    process.wait()
    publisher.breaks, publisher.stalls = [], 0.0


def main() -> None:
    if "--inside" in sys.argv:
        measured(sys.argv[-1])
        return
    from machine import headline

    print(headline())
    given = {**with_source(), "PYTHONPATH": os.pathsep.join((with_source()["PYTHONPATH"], str(TESTS)))}
    for name, (packages, statement) in LIBRARIES.items():
        python = environment(f"download-{name}", (*BASE, *packages))
        which = version(python, name) if packages else f"{lines('src/hoigen/models/urls.py')} lines"
        size, took = megabytes(python, BASE), start(python, statement)
        print(f"\n{name}, {which}: {size:.1f} MB, import {took:.0f} ms of CPU", flush=True)
        command = [str(python), __file__, "--inside", name]
        subprocess.run(command, check=True, env=given, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
