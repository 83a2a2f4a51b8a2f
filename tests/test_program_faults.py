"""A wrong call of our own is never told as a broken video; and broken videos of every kind stay what they are."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from fsspec.implementations.memory import MemoryFileSystem

import fake_talk
from hoigen import video
from hoigen.core import errors
from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.core.errors import SetupError, UsageError, VideoError
from hoigen.data.sources import folders
from hoigen.models import tensors
from hoigen.models.experts.call import Request
from hoigen.stages.captioners import lengths
from hoigen.stages.captioners.detectors import Detectors
from hoigen.stages.ingest import any_readable
from hoigen.work.task import Failure

BREAKS = {
    "an argument that PyAV no longer has": (
        """
import av
real = av.open
def open(file, mode=None, *, format=None, options=None, container_options=None, timeout=None):
    return real(file, mode, format=format, container_options=container_options, timeout=timeout)
av.open = open
""",
        "TypeError: open() got an unexpected keyword argument 'metadata_errors'",
    ),
    "a name that PyAV no longer has": (
        """
import av, av.stream
del av.stream.Disposition
""",
        "AttributeError",
    ),
    "a module that PyAV no longer has": (
        """
import av.video.reformatter
del av.video.reformatter.ColorRange
""",
        "ImportError: cannot import name 'ColorRange'",
    ),
}
"""What a library that does not fit breaks, as code that every process runs as it starts, and what is then told."""


def environment(folder: Path, breaks: str) -> dict[str, str]:
    """Every Python that is started with it, workers too, begins with this code."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(breaks)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def hoigen(folder: Path, *words: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hoigen", *map(str, words)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def curate(folder: Path, env: dict[str, str], *more: str) -> subprocess.CompletedProcess[str]:
    rules = ("--set", "measures=[metadata, motion]", "--set", "keep={short_side: {min: 10}}", *more)
    return hoigen(folder, "curate", "lite", "--videos", "videos", "--quiet", "--set", "run=run", *rules, env=env)


def rows(folder: Path, run: str = "run") -> list[dict[str, str]]:
    printed = hoigen(folder, "table", run)
    assert printed.returncode == 0, printed.stderr
    return list(csv.DictReader(io.StringIO(printed.stdout)))


def videos(folder: Path, video: Path, count: int) -> None:
    (folder / "videos").mkdir()
    for at in range(count):
        with (folder / "videos" / f"{at}.mp4").open("wb") as copy:
            copy.write(video.read_bytes() + bytes(at))  # the same content under another name would be one clip


@pytest.mark.parametrize("name", BREAKS)
def test_a_run_stops_and_no_row_blames_its_video(tmp_path: Path, tiny_video: Path, name: str) -> None:
    breaks, says = BREAKS[name]
    videos(tmp_path, tiny_video, 4)
    ended = curate(tmp_path, environment(tmp_path / "site", breaks))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "stopped: reading videos failed alike on 3 of 3" in ended.stderr
    assert says in ended.stderr
    assert "not of the videos" in ended.stderr
    assert "hoigen doctor" in ended.stderr
    for row in rows(tmp_path):
        assert row["state"] in ("failed", "pending")
        assert "cannot be read as a video" not in row["reason"]


def test_a_row_says_that_it_is_not_the_videos_fault_and_retry_mends_it(tmp_path: Path, tiny_video: Path) -> None:
    breaks, says = BREAKS["an argument that PyAV no longer has"]
    videos(tmp_path, tiny_video, 2)
    curate(tmp_path, environment(tmp_path / "site", breaks))
    for row in rows(tmp_path):
        assert row["reason"].startswith("an error of hoigen or of a library, not of the video: ")
        assert says in row["reason"]
    assert hoigen(tmp_path, "retry", "run", "--quiet").returncode == 0
    assert [row["state"] for row in rows(tmp_path)] == ["kept", "kept"]


def test_scores_of_a_decoder_that_does_not_fit_say_so(tmp_path: Path, tiny_video: Path) -> None:
    breaks, says = BREAKS["a module that PyAV no longer has"]
    videos(tmp_path, tiny_video, 25)
    env = environment(tmp_path / "site", breaks)
    ended = curate(tmp_path, env, "--set", "shots=none")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "motion failed alike on 20 of 20" in ended.stderr
    assert "not of the videos" in ended.stderr
    for video_file in sorted((tmp_path / "videos").iterdir())[2:]:
        video_file.unlink()
    curate(tmp_path, env, "--set", "shots=none", "--set", "run=few")
    for row in rows(tmp_path, "few"):
        assert row["state"] == "failed"
        assert row["reason"].startswith("an error of hoigen or of a library, not of the video: ")
        assert says in row["reason"]


def test_captions_stop_when_no_clip_can_be_decoded_for_it(tmp_path: Path, tiny_video: Path) -> None:
    breaks, says = BREAKS["a module that PyAV no longer has"]
    fake_talk.write(tmp_path)
    videos(tmp_path, tiny_video, 25)
    spec = tmp_path / "recipe.yaml"
    spec.write_text(yaml.safe_dump({"caption": fake_talk.spec(tmp_path)}))
    assert curate(tmp_path, dict(os.environ), "--set", "shots=none", "--set", "measures=[metadata]").returncode == 0
    ended = hoigen(tmp_path, "caption", "run", "--recipe", spec, "--quiet", env=environment(tmp_path / "site", breaks))
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "decoding failed alike on 20 of 20" in ended.stderr
    assert "not of the videos" in ended.stderr
    assert says in ended.stderr


@pytest.mark.parametrize("raised", errors.PROGRAM_FAULTS)
def test_what_no_file_is_at_fault_for_passes_every_door(
    raised: type[Exception], tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_open(*given: Any, **named: Any) -> Any:
        raise raised("a wrong call")

    monkeypatch.setattr(av, "open", fake_open)
    clip = Clip(id="x", uri=str(tiny_video), end=1.0, width=64, height=48, fps=25)
    for door in (
        lambda: video.probe(str(tiny_video)),
        lambda: video.decode(clip, [Sampling(frames=1)]),
        lambda: list(video.walk(str(tiny_video))),
    ):
        with pytest.raises(raised, match="a wrong call"):
            door()


BROKEN = (ValueError, IndexError, EOFError, MemoryError, OSError, av.error.InvalidDataError(1, "x"), KeyError)


@pytest.mark.parametrize("raised", [*BROKEN, UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), RuntimeError])
def test_what_pyav_raises_on_broken_files_stays_the_videos_fault(
    raised: type[Exception] | Exception, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_open(*given: Any, **named: Any) -> Any:
        raise raised

    monkeypatch.setattr(av, "open", fake_open)
    with pytest.raises(VideoError, match="cannot be read as a video"):
        video.probe(str(tiny_video))


class FakeContainer:
    """An open video whose packets end in an error of the wrong kind."""

    def __init__(self, real: Any, error: Exception) -> None:
        self.real, self.error = real, error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def __enter__(self) -> FakeContainer:
        return self

    def __exit__(self, *ended: object) -> None:
        self.real.close()

    def demux(self, *streams: Any) -> Any:
        raise self.error
        yield


@pytest.mark.parametrize(("error", "expected"), [(NameError("no"), NameError), (RuntimeError("s3"), VideoError)])
def test_reading_on_knows_the_same_difference(
    error: Exception, expected: type[Exception], tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = av.open
    monkeypatch.setattr(av, "open", lambda *given, **named: FakeContainer(real(*given, **named), error))
    with pytest.raises(expected):
        video.probe(str(tiny_video))
    with pytest.raises(expected):
        list(video.walk(str(tiny_video)))


def test_a_failure_is_told_by_what_was_raised() -> None:
    def failure(kind: str, reason: str) -> Failure:
        return Failure(kind, reason, "header", 2, "")

    for reason in ("TypeError: x", "ModuleNotFoundError: x", "UnboundLocalError: x", "AssertionError"):
        assert failure("error", reason).is_program_fault, reason
        assert failure("error", reason).words.startswith("an error of hoigen or of a library, not of the video: ")
    for reason in ("VideoError: x", "ValueError: x", "open: x", "MemoryError", ""):
        assert not failure("error", reason).is_program_fault, reason
    assert not failure("crash", "TypeError: x").is_program_fault


def test_one_odd_video_does_not_stop_a_run(tmp_path: Path, tiny_video: Path) -> None:
    """Three in a row from the start do; not one among others that can be read."""
    odd = """
import av
real = av.open
def open(file, *given, **named):
    if "3.mp4" in str(file):
        raise TypeError("only this one")
    return real(file, *given, **named)
av.open = open
"""
    videos(tmp_path, tiny_video, 6)
    ended = curate(tmp_path, environment(tmp_path / "site", odd))
    assert ended.returncode == 0, ended.stderr
    states = {Path(row["uri"]).stem: row["state"] for row in rows(tmp_path)}
    assert states.pop("3") == "failed"
    assert set(states.values()) == {"kept"}


def test_a_package_that_is_missing_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="extra [models] is not installed")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"x")
    with pytest.raises(ImportError):
        tensors.tensors(tensors.own(str(path)))
    monkeypatch.undo()
    with pytest.raises(SetupError, match="cannot be read as tensors"):
        tensors.tensors(tensors.own(str(path)))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(SetupError, match=r"--tokenizer needs extra \[models\]"):
        lengths.tokenizer(str(tmp_path))


@pytest.mark.parametrize("raised", [TypeError, ImportError, ValueError])
def test_an_expert_of_ours_that_is_wrong_is_no_answer(raised: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fake_look(self: Detectors, frames: Frames) -> str:
        raise raised("a wrong call")

    monkeypatch.setattr(Detectors, "_look", fake_look)
    frames = Frames(np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1))
    request = Request(text="What?", frames=frames)
    if raised is ValueError:
        assert asyncio.run(Detectors().answer(request)).reason == "ValueError: a wrong call"
    else:
        with pytest.raises(raised, match="a wrong call"):
            asyncio.run(Detectors().answer(request))


@pytest.mark.parametrize(("raised", "expected"), [(AttributeError, AttributeError), (RuntimeError, UsageError)])
def test_a_store_that_is_called_wrongly_is_no_address_that_is_wrong(
    raised: type[Exception], expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake_isdir(self: Any, path: str) -> bool:
        raise raised("a wrong call")

    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    monkeypatch.setattr(MemoryFileSystem, "isdir", fake_isdir)
    with pytest.raises(expected, match="a wrong call"):
        list(folders.read("memory://somewhere", lambda text: None))


def test_a_store_that_is_told_too_little_is_the_users_error() -> None:
    with pytest.raises(UsageError, match="cannot read zip://"):
        list(folders.read("zip://somewhere", lambda text: None))


WAYS = {
    "crashes": "os.kill(os.getpid(), signal.SIGSEGV)",
    "ends": "os._exit(3)",
    "hangs": "time.sleep(1000)",
    "out of memory": "raise MemoryError",
}


def tried(folder: Path, monkeypatch: pytest.MonkeyPatch, way: str, *names: str) -> bool:
    """Whether one of the videos can be opened, when those with `bad` in their name go wrong in this way."""
    odd = f"""
import os, signal, time
import av
real = av.open
def open(file, *given, **named):
    if "bad" in str(file):
        {way}
    return real(file, *given, **named)
av.open = open
"""
    monkeypatch.setenv("PYTHONPATH", environment(folder / "site", odd)["PYTHONPATH"])
    return any_readable([str(folder / name) for name in names], patience=20)


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_video_that_takes_its_process_down_does_not_speak_for_the_others(
    way: str, tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bad1.mp4", "bad2.mp4", "good.mp4"):
        (tmp_path / name).write_bytes(tiny_video.read_bytes())
    assert tried(tmp_path, monkeypatch, WAYS[way], "none.mp4", "bad1.mp4", "bad2.mp4", "good.mp4")


def test_when_none_can_be_opened_no_one_speaks_for_them(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("bad1.mp4", "bad2.mp4"):
        (tmp_path / name).write_bytes(tiny_video.read_bytes())
    assert not tried(tmp_path, monkeypatch, WAYS["crashes"], "bad1.mp4", "none.mp4", "bad2.mp4")


@pytest.mark.parametrize("kept", ["", "OPENAI_API_KEY"])
def test_who_tries_videos_has_no_key(
    kept: str, tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-mine")
    monkeypatch.setenv("HOIGEN_WORKER_ENV", kept)
    (tmp_path / "bad.mp4").write_bytes(tiny_video.read_bytes())
    assert tried(tmp_path, monkeypatch, "os._exit(3) if 'OPENAI_API_KEY' in os.environ else None", "bad.mp4") != bool(
        kept
    )


def test_a_fault_of_the_program_is_no_answer_about_videos(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.mp4").write_bytes(tiny_video.read_bytes())
    with pytest.raises(SetupError, match="TypeError: a wrong call"):
        tried(tmp_path, monkeypatch, "raise TypeError('a wrong call')", "bad.mp4", "none.mp4")
