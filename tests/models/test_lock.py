"""What came first is what must come again: of files without a published digest, and of revisions of the hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hoigen.core.errors import SetupError, UsageError, WeightsError
from hoigen.models import files, hub, lock
from publisher import Publisher, publishing

ONE, TWO = "11" * 20, "22" * 20


@pytest.fixture
def publisher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Publisher]:
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    with publishing(content=b"the first") as made:
        yield made


def written() -> dict[str, Any]:
    file = lock.lock_file()
    assert file is not None
    return dict(json.loads(file.read_text()))


def test_the_first_download_is_noted_and_another_one_stops_the_run(publisher: Publisher) -> None:
    card = publisher.card("fake_model")
    found = files.locate(card, quiet=True)
    noted = written()["files"]["fake_model"]
    assert (noted["sha256"], noted["from"]) == (found.sha256, card.where)
    found.path.unlink()
    publisher.content = b"the second"
    with pytest.raises(WeightsError) as told:
        files.locate(card, quiet=True)
    second = files.digest(found.path)
    for word in (str(found.path), found.sha256, second, str(lock.lock_file()), "delete the entry 'fake_model'"):
        assert word in str(told.value)
    assert written()["files"]["fake_model"] == noted


def test_with_the_entry_gone_the_new_file_counts(publisher: Publisher) -> None:
    card = publisher.card("fake_model")
    path = files.locate(card, quiet=True).path
    path.write_bytes(b"the second")
    with pytest.raises(WeightsError):
        files.locate(card)
    file = lock.lock_file()
    assert file is not None
    file.unlink()
    assert files.locate(card).sha256 == lock.noted("files", "fake_model")


def test_what_has_a_published_digest_is_not_noted(publisher: Publisher) -> None:
    import hashlib

    files.locate(publisher.card("fake_model", hashlib.sha256(b"the first").hexdigest()), quiet=True)
    file = lock.lock_file()
    assert file is not None
    assert not file.exists()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache, offline, with a repository whose `main` is the commit ONE."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="extra [models] is not installed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repository = tmp_path / "models--owner--name"
    for commit in (ONE, TWO):
        (repository / "snapshots" / commit).mkdir(parents=True)
        (repository / "snapshots" / commit / "config.json").write_text("{}")
        (repository / "snapshots" / commit / "model.safetensors").touch()
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(ONE)
    return repository


def test_a_revision_that_moved_stops_the_run(cache: Path) -> None:
    assert hub.resolve("owner/name").revision == ONE
    assert written()["revisions"]["owner/name@main"]["commit"] == ONE
    (cache / "refs" / "main").write_text(TWO)
    with pytest.raises(SetupError) as told:
        hub.resolve("owner/name")
    for word in ("'main'", ONE, TWO, str(lock.lock_file()), f"set revision: {ONE}", "'owner/name@main'"):
        assert word in str(told.value)
    assert hub.resolve("owner/name", ONE).revision == ONE
    assert hub.resolve("owner/name", TWO).revision == TWO, "a commit is what pins: it needs no lock"
    assert list(written()["revisions"]) == ["owner/name@main"]


def test_a_moved_revision_is_told_before_anything_is_fetched(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    hub.resolve("owner/name")
    info = type("Info", (), {"sha": TWO})
    monkeypatch.setattr(huggingface_hub.HfApi, "repo_info", lambda *_, **__: info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("it was fetched"))
    with pytest.raises(SetupError, match=f"is commit {TWO} now, and {ONE} was noted"):
        hub.resolve("owner/name")


NOTING = """
import sys
from pathlib import Path
from hoigen.models import lock
for at in range(20):
    lock.hold_file(f"{sys.argv[1]}{at}", Path("x"), "ab" * 32, "")
"""


def test_two_processes_lose_nothing() -> None:
    both = [subprocess.Popen([sys.executable, "-c", NOTING, name]) for name in "ab"]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert len(written()["files"]) == 40


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"files": []}', '{"files": {"a": 1}}', '{"revisions": {"a": {"commit": 1}}}']
)
def test_a_damaged_file_is_named_and_nothing_is_guessed(text: str) -> None:
    file = lock.lock_file()
    assert file is not None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    with pytest.raises(UsageError, match=r"models\.lock\.json"):
        lock.noted("files", "a")
    assert file.read_text() == text


def test_where_nothing_can_be_noted_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    lock.hold_file("fake_model", tmp_path / "x", "ab" * 32, "")
    assert "models.lock.json cannot be written: Not a directory" in capsys.readouterr().err


def test_the_file_is_private_and_leaves_nothing_beside_it() -> None:
    lock.hold_file("fake_model", Path("x"), "ab" * 32, "")
    file = lock.lock_file()
    assert file is not None
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(os.listdir(file.parent)) == [".models.lock", "models.lock.json"]
