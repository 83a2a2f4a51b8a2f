"""Files that a list names by address, over real HTTP on loopback, with breaks, resets, silences and wrong files."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.commands.sources import Handled
from hoigen.core import hosts
from hoigen.core.errors import UsageError
from hoigen.data.files import Folder
from hoigen.dataset.published import fetching
from hoigen.dataset.published.fetching import Fetched
from hoigen.models import urls
from publisher import Publisher, publishing

CONTENT = bytes(range(256)) * 2000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv(hosts.OWN, "127.0.0.1")
    monkeypatch.setattr(urls, "PAUSE", 0.0)
    with publishing(content=CONTENT) as made:
        yield made


def fetched(tmp_path: Path, rows: Sequence[dict[str, Any]], **how: Any) -> tuple[Fetched, dict[str, str]]:
    """The result, and what is missing with its reason."""
    index = tmp_path / "addresses.jsonl"
    index.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = hoigen.sources("behave", index=str(index), fetch=tmp_path / "files", **how)
    assert isinstance(done, Handled)
    assert done.fetched is not None
    with done.fetched.missing_out.open(newline="") as file:
        return done.fetched, {row["id"]: row["why"] for row in csv.DictReader(file)}


def address(publisher: Publisher, name: str) -> str:
    return f"http://127.0.0.1:{publisher.port}/data/{name}"


def test_comes_whole_over_breaks_and_resets_and_is_checked(publisher: Publisher, tmp_path: Path) -> None:
    publisher.breaks, publisher.resets = [100_000, 50_000, 70_000], 2
    row = {"url": address(publisher, "Date01.zip?key=1"), "sha256": SHA256}
    result, missing = fetched(tmp_path, [row])
    assert (result.fetched, missing) == (1, {})
    assert (tmp_path / "files" / "Date01.zip").read_bytes() == CONTENT
    assert [condition for _, condition in publisher.asked[1:]] == [publisher.etag] * (len(publisher.asked) - 1)
    assert publisher.asked[-1][0] == "bytes=220000-"
    asked = len(publisher.asked)
    again, _ = fetched(tmp_path, [row])
    assert (again.there, again.fetched, len(publisher.asked)) == (1, 0, asked), "what is there is not asked for"


def test_what_a_silent_server_has_sent_is_kept(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "TIMEOUT", 0.5)
    publisher.breaks, publisher.stalls = [100_000], 2.0
    result, _ = fetched(tmp_path, [{"url": address(publisher, "a.zip"), "sha256": SHA256}])
    assert result.fetched == 1
    assert [asked[0] for asked in publisher.asked] == [None, "bytes=100000-"]


def test_a_server_that_stays_silent_costs_its_file_alone(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "TIMEOUT", 0.3)
    monkeypatch.setattr(urls, "TRIES", 1)
    with publishing(content=CONTENT) as other:
        publisher.breaks, publisher.stalls = [0], 1.5
        rows = [{"url": address(publisher, "a.zip")}, {"url": address(other, "b.zip")}]
        result, missing = fetched(tmp_path, rows)
    assert (result.names, result.fetched, list(missing)) == (2, 1, ["a"])
    assert "timed out" in missing["a"]


@pytest.mark.parametrize("sign", ["ETag", "Last-Modified"])
def test_the_rest_of_another_version_is_not_joined_on(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sign: str
) -> None:
    publisher.heeds, publisher.tag, publisher.breaks = False, sign == "ETag", [100_000, 0]
    publisher.headers = {} if publisher.tag else {"Last-Modified": "Thu, 26 Nov 2026 08:00:00 GMT"}
    with monkeypatch.context() as once:
        once.setattr(urls, "TRIES", 1)
        _, missing = fetched(tmp_path, [{"url": address(publisher, "a.zip")}])
    assert list(missing) == ["a"]
    publisher.content = CONTENT[::-1]
    publisher.headers = {} if publisher.tag else {"Last-Modified": "Fri, 27 Nov 2026 08:00:00 GMT"}
    result, _ = fetched(tmp_path, [{"url": address(publisher, "a.zip")}])
    assert result.fetched == 1
    assert publisher.asked[-2][0] == "bytes=100000-", "of which a server that does not know If-Range sends the new rest"
    assert (tmp_path / "files" / "a.zip").read_bytes() == CONTENT[::-1]


def test_another_file_than_the_list_says_is_not_taken(publisher: Publisher, tmp_path: Path) -> None:
    wrong = "0" * 64
    result, missing = fetched(tmp_path, [{"url": address(publisher, "a.zip"), "sha256": wrong}])
    assert missing == {"a": f"its sha256 is {SHA256}, and {wrong} in the list"}
    assert result.incomplete
    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == [".fetching", "fetch.missing.csv"]
    (tmp_path / "files" / "a.zip").write_bytes(b"somebody's")
    _, missing = fetched(tmp_path, [{"url": address(publisher, "a.zip"), "sha256": SHA256}])
    assert missing == {"a": "a file of its name is there and has another sha256; delete it and try again"}
    assert (tmp_path / "files" / "a.zip").read_bytes() == b"somebody's"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"content": None}, "HTTP Error 404: Not Found"),
        ({"headers": {"Content-Type": "text/html"}}, "it answered with a web page"),
        ({"to": "http://10.1.2.3/a.zip"}, "10.1.2.3 is an address of a private network"),
        ({"to": "https://www.youtube.com/watch?v=1"}, "it is on a video site"),
        ({"to": "ftp://127.0.0.1/a.zip"}, "unknown url type: ftp"),
    ],
)
def test_what_is_not_had(publisher: Publisher, tmp_path: Path, how: dict[str, Any], said: str) -> None:
    for key, value in how.items():
        setattr(publisher, key, value)
    _, missing = fetched(tmp_path, [{"url": address(publisher, "a.zip")}])
    assert said in missing["a"]
    assert len(publisher.asked) <= 1


def test_a_reason_is_one_line(publisher: Publisher, tmp_path: Path) -> None:
    publisher.to = address(publisher, "a.zip")  # round and round, of which urllib tells in three lines
    result, missing = fetched(tmp_path, [{"url": address(publisher, "a.zip")}])
    assert missing["a"].startswith("HTTP Error 302: ")
    assert len(missing["a"].splitlines()) == 1
    assert len(str(result).splitlines()) == 3


def test_this_machine_is_not_asked_unless_its_owner_says_so(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(hosts.OWN)
    (tmp_path / "l.jsonl").write_text(json.dumps({"url": address(publisher, "a.zip")}))
    words = ["sources", "behave", "--index", str(tmp_path / "l.jsonl"), "--fetch", str(tmp_path / "files")]
    assert main(words) == 2
    assert "127.0.0.1 is an address of this machine itself" in capsys.readouterr().err
    with pytest.raises(OSError, match="this machine itself"):  # a name that stands for it, however it came by
        hosts.opener().open(f"http://localhost:{publisher.port}/a.zip", timeout=5)
    assert publisher.asked == []


def test_names_and_addresses_that_are_none(publisher: Publisher, tmp_path: Path) -> None:
    rows = [
        {"path": "here.mp4"},
        {"path": "b.mp4", "url": address(publisher, "b.mp4"), "sha256": "beef"},
        {"url": address(publisher, ".mp4")},
        {"path": "d.mp4", "url": "http://[1/d.mp4"},
        {"path": "e.mp4", "url": "s3://[1/e.mp4"},
        {"url": address(publisher, "c.zip")},
        {"url": address(publisher, "other/c.zip")},
        {"url": address(publisher, "c.zip")},
    ]
    result, missing = fetched(tmp_path, rows)
    assert missing == {
        "here": "the list has no address of it",
        "b": "its digest is none of md5, sha1, sha256",
        ".mp4": "its name is none of a file",
        "d": "its host is no address",
        "e": "its host is no address",
        "c": "another address has its name",
    }
    assert (result.names, result.fetched) == (7, 1)


def test_a_row_that_cannot_be_read_is_a_file_that_is_missing(publisher: Publisher, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"url": address(publisher, "a.zip")}, {"start": "soon", "url": "x"}, {"url": address(publisher, "b.zip")}
    ]  # fmt: skip
    result, missing = fetched(tmp_path, rows)
    assert (result.names, result.fetched, result.failed) == (3, 2, {"its row of the list cannot be read": 1})
    assert list(missing) == ["addresses.jsonl, line 2"]
    assert "start" in missing["addresses.jsonl, line 2"]
    index = tmp_path / "stock.json"  # a list whose own reader finds fault with a row
    every = [
        {"path": "mixkit/a.mp4", "cap": "x", "url": address(publisher, "a.mp4"), "frame_idx": "9:2"},
        {"path": "mixkit/b.mp4", "cap": "x", "url": address(publisher, "b.mp4")},
    ]
    index.write_text(json.dumps(every))
    done = hoigen.sources("mixkit", index=str(index), fetch=tmp_path / "stock")
    assert isinstance(done, Handled)
    assert done.fetched is not None
    assert (done.fetched.names, done.fetched.fetched) == (2, 1)
    with pytest.raises(UsageError, match="frame_idx is FIRST:END"):
        hoigen.sources("mixkit", index=str(index), files=[str(tmp_path / "stock")], out=tmp_path / "list.jsonl")


def test_an_address_that_is_none_is_asked_for_once(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(urls.time, "sleep", waited.append)
    _, missing = fetched(tmp_path, [{"url": address(publisher, "a b.zip")}])
    assert "it is no address" in missing["a b"]
    assert (waited, publisher.asked) == ([], [])


def test_what_a_program_of_a_server_is_asked_for_names_the_file(publisher: Publisher, tmp_path: Path) -> None:
    rows = [
        {"url": address(publisher, "download.php?file=Date01.zip")},
        {"url": address(publisher, "download.php?file=Date02.zip")},
        {"url": address(publisher, "get?key=a.b&name=/data/sub/clip.mp4")},
        {"url": address(publisher, "download.php?id=7")},
    ]
    result, missing = fetched(tmp_path, rows)
    assert (result.fetched, missing) == (4, {})
    names = {path.name for path in (tmp_path / "files").iterdir() if path.suffix in (".zip", ".mp4", ".php")}
    assert names == {"Date01.zip", "Date02.zip", "clip.mp4", "download.php"}


PROGRAM = "import pathlib, sys; pathlib.Path(sys.argv[2]).write_text(sys.argv[1])"
VIDEOS = [{"videoID": "aa", "url": "https://www.youtube.com/watch?v=aa&x='$(id)", "timestamp": "[['0:0:0', '0:0:1']]"}]


def panda(
    tmp_path: Path, command: str | None, *, deadline: float = 600.0, **more: str
) -> tuple[Fetched, dict[str, str]]:
    index = tmp_path / "panda.jsonl"
    index.write_text(json.dumps(VIDEOS[0] | more))
    done = hoigen.sources("panda-70m", index=str(index), fetch=tmp_path / "files", command=command, deadline=deadline)
    assert isinstance(done, Handled)
    assert done.fetched is not None
    with done.fetched.missing_out.open(newline="") as file:
        return done.fetched, {row["id"]: row["why"] for row in csv.DictReader(file)}


def test_video_sites_are_left_to_a_program_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("hoigen asked for an address")

    monkeypatch.setattr("socket.getaddrinfo", never)
    _, missing = panda(tmp_path, None)
    assert missing == {"aa": fetching.BARRED}
    _, missing = panda(tmp_path, f"{sys.executable} -c 'import sys; sys.exit(3)' {{url}} {{path}}")
    assert missing == {"aa": "the command ended with code 3"}
    _, missing = panda(tmp_path, f"{sys.executable} -c '' {{url}} {{path}}")
    assert missing == {"aa": "the command left no file of its name"}
    result, missing = panda(tmp_path, f"{sys.executable} -c '{PROGRAM}' {{url}} {{path}}")
    assert (result.fetched, missing) == (1, {})
    assert (tmp_path / "files" / "aa.mp4").read_text() == VIDEOS[0]["url"], "as it stands: no shell has seen it"


def test_a_program_that_hangs_costs_its_file(tmp_path: Path) -> None:
    hangs = f"{sys.executable} -c 'import time; time.sleep(600)' {{url}} {{path}}"
    _, missing = panda(tmp_path, hangs, deadline=0.5)
    assert missing == {"aa": "the command wrote nothing for 0.5 s, and was ended"}
    grows = "import sys, time\nfor at in range(5): time.sleep(0.3); open(sys.argv[2] + '.part', 'a').write('x')"
    _, missing = panda(tmp_path, f'{sys.executable} -c "{grows}" {{url}} {{path}}', deadline=1.0)
    assert missing == {"aa": "the command left no file of its name"}, "slow, and not ended"
    with pytest.raises(UsageError, match="--deadline: more than 0"):
        panda(tmp_path, hangs, deadline=-1.0)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://WWW.YouTube.com/watch?v=1", True),
        ("https://youtu.be./1", True),
        ("https://www.ｙｏｕｔｕｂｅ。com/watch?v=1", True),
        ("https://player.vimeo.com/video/1", True),
        ("https://videos.pexels.com/video-files/1/1.mp4", True),
        ("https://assets.mixkit.co/1.mp4", True),
        ("https://notyoutube.com/a.mp4", False),
        ("https://huggingface.co/datasets/a/b/resolve/main/c.tar", False),
        ("s3://youtube.com/a.mp4", True),
    ],
)
def test_which_are_video_sites(url: str, is_one: bool) -> None:
    assert fetching.is_video_site(url) == is_one


def test_what_a_program_leaves_half_done_or_wrong_is_not_the_file_the_next_time(tmp_path: Path) -> None:
    dies = f"{sys.executable} -c '{PROGRAM}; sys.exit(1)' {{url}} {{path}}"
    for _ in range(2):
        _, missing = panda(tmp_path, dies)
        assert missing == {"aa": "the command ended with code 1"}
    ends = f"{sys.executable} -c '{PROGRAM}' {{url}} {{path}}"
    came, wrong = hashlib.md5(VIDEOS[0]["url"].encode()).hexdigest(), "0" * 32
    for _ in range(2):
        _, missing = panda(tmp_path, ends, md5=wrong)
        assert missing == {"aa": f"its md5 is {came}, and {wrong} in the list"}
    result, missing = panda(tmp_path, ends, md5=came)
    assert (result.fetched, missing) == (1, {})


def test_two_processes_do_not_fetch_into_one_folder(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    with (
        Folder(str(tmp_path / "files")).lock(".fetching"),
        pytest.raises(hoigen.HoigenError, match="in use by another"),
    ):
        panda(tmp_path, None)


def test_fetched_and_listed_in_one_go(publisher: Publisher, tmp_path: Path, tiny_video: Path) -> None:
    publisher.content = tiny_video.read_bytes()
    name = "Date03_Sub03_suitcase_lift.0.color.mp4"
    index = tmp_path / "l.csv"
    index.write_text(f"url\n{address(publisher, name)}\n")
    done = hoigen.sources("behave", index=str(index), fetch=tmp_path / "files", out=tmp_path / "list.jsonl", rate=50)
    assert isinstance(done, Handled)
    [row] = map(json.loads, (tmp_path / "list.jsonl").read_text().splitlines())
    assert (row["object"], row["action"], Path(row["uri"]).name) == ("suitcase", "lift", name)
    assert "1 fetched" in str(done)


def test_where_nothing_came_it_says_why_and_no_list_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "l.jsonl").write_text(json.dumps(VIDEOS[0]))
    words = ["sources", "panda-70m", "--index", str(tmp_path / "l.jsonl"), "--fetch", str(tmp_path / "files")]
    assert main([*words, "--out", str(tmp_path / "list.jsonl")]) == 1
    assert f"missing 1: {fetching.BARRED}" in capsys.readouterr().out
    assert not (tmp_path / "list.jsonl").exists()


# what downloads


def test_a_file_of_a_store_goes_on_where_it_broke_off(tmp_path: Path) -> None:
    held = tmp_path / "store" / "a.bin"
    held.parent.mkdir()
    held.write_bytes(CONTENT)
    path, url = tmp_path / "a.bin", f"file://{held}"

    def refuse(_: Path) -> None:
        raise KeyboardInterrupt

    part, note = tmp_path / ".a.bin.part", tmp_path / ".a.bin.part.json"
    bar = type("Bar", (), {"reset": lambda *_, **__: None, "update": lambda *_: None})()
    urls._more_of_store(url, part, note, bar, None)
    part.write_bytes(b"x" * 1000)  # not what the file has, which shows that it is not read again
    urls.download(url, path, lambda _: None, quiet=True)
    assert path.read_bytes() == b"x" * 1000 + CONTENT[1000:]
    part.write_bytes(b"x" * 1000)
    urls.download(url, path, lambda _: None, quiet=True)
    assert path.read_bytes() == CONTENT, "of which nothing is noted, that begins anew"
    with pytest.raises(FileNotFoundError):
        urls.download(f"file://{held}x", path, refuse, quiet=True)


def test_all_that_comes_passes_the_throttle(publisher: Publisher, tmp_path: Path) -> None:
    passed: list[int] = []

    class Counting(urls.Throttle):
        def passed(self, count: int) -> None:
            passed.append(count)

    publisher.breaks = [100_000]
    urls.download(address(publisher, "a"), tmp_path / "a", lambda _: None, quiet=True, throttle=Counting(1e6))
    assert sum(passed) == len(CONTENT)


def test_a_rate_is_kept_and_a_pause_is_no_credit() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    throttle = urls.Throttle(1000, clock=lambda: now[0], sleep=sleep)
    for _ in range(4):
        throttle.passed(500)
    assert slept == [0.5] * 4
    now[0] += 60
    throttle.passed(500)
    throttle.passed(500)
    assert slept == [0.5] * 5
