"""From videos to a release that others can check, on the demo's footage and, where they are, on labelled clips."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from test_near import MIRROR

import hoigen
from hoigen.commands.balance import balance
from hoigen.commands.caption import caption
from hoigen.commands.categories import categories
from hoigen.commands.clip_stats import clip_stats
from hoigen.commands.duplicates import duplicates
from hoigen.commands.export import export
from hoigen.commands.release import release
from hoigen.commands.split import split
from hoigen.commands.verify_release import verify_release
from hoigen.core.errors import UsageError
from hoigen.core.registry import names_of
from hoigen.dataset import near
from hoigen.models.files import locate
from hoigen.video.cutting import cut_clip
from render import render
from run_folders import in_this_process

ASKED = {
    "ltx_trainer": {"frames": "9,17"},
    "open_sora": {"size": "256x256"},
    "videox_fun": {"frames": "5,17"},
}
"""What formats are asked for, where 17 frames of 128x96 are none of theirs."""
WORLD = {
    "first": {"fake_world": {"model": "a"}},
    "second": {"fake_world": {"model": "b"}},
    "third": {"fake_world": {"model": "c"}},
    "decision": {"fake_world": {"model": "d"}},
}


def whole(folder: Path, videos: list[Path], *more: str) -> dict[str, Any]:
    """Videos -> a release; what each step said. more: measures besides the cheap ones."""
    run = folder / "run"
    measures = ["metadata", "perceptual_hash", *more]
    with in_this_process():
        hoigen.curate(videos=[str(path) for path in videos], run=run, measures=measures, report=False, quiet=True)
        alike = duplicates(run)
        words = caption(run, set=[f"captioner={json.dumps({'mixture': WORLD})}"], quiet=True)
    found = categories(run)
    numbers = clip_stats(run)
    parts = split(run, validation=0.3)
    made = release(run, licence="CC-BY-4.0", creator="Tests", contact="tests@example.org")
    verified = verify_release(made.made.folder, digest=made.made.digest)
    return {
        "alike": alike, "words": words, "found": found, "numbers": numbers, "parts": parts, "made": made,
        "verified": verified, "run": run,
    }  # fmt: skip


@pytest.mark.timeout(280)
def test_the_demos_footage_becomes_a_dataset(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")
    videos = [Path(locate(name).path) for name in ("sample_bikes", "sample_bigbuckbunny")]
    copy = tmp_path / "copy.mp4"
    from hoigen import Clip, video

    header = video.probe(str(videos[1]))
    clip = Clip(id="c", uri=str(videos[1]), end=header.duration, width=header.width, height=header.height, fps=25)
    cut_clip(clip, copy, False, lambda *_: None)  # re-encoded: another file that shows the same
    came = whole(tmp_path, [*videos, copy])
    found = came["alike"].found
    assert found.members >= 2, "the copy shows the same"
    funnel = {stage.name: stage for stage in came["alike"].funnel.stages}
    assert funnel["near_duplicates"].dropped == found.members - found.groups
    kept = came["alike"].funnel.counts["kept"]
    assert came["words"].kept == kept
    numbers, index = came["numbers"].found, came["made"].made.facts.index
    assert (numbers.clips, numbers.captions) == (kept, kept)
    assert index.clips == came["verified"].verified.clips == kept
    assert sum(came["parts"].found.clips.values()) == kept
    rows = pq.read_table(came["made"].made.folder / "data" / "clips-00000.parquet").to_pylist()
    assert [row["id"] for row in rows if row["uri"] == str(copy)] == [], "the original stays: it is first in the list"
    assert all(row["caption"] and row["digest"] and row["categories"] for row in rows)
    told = sum(len(row["categories"]) for row in rows)
    assert told == came["found"].rows
    balanced = balance(came["run"], by="video", quota=1).found
    assert balanced is not None
    assert balanced.stay == len(balanced.groups) == 2
    (came["made"].made.folder / "data" / "clips-00000.parquet").write_bytes(b"")
    with pytest.raises(UsageError, match=r"data/clips-00000.parquet: changed"):
        verify_release(came["made"].made.folder)


@pytest.mark.slow
def test_labelled_clips_become_a_dataset(tmp_path: Path, shared_clips: Path) -> None:
    pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")
    came = whole(tmp_path, sorted(shared_clips.glob("*.mp4"))[:24])
    assert came["verified"].verified.clips == came["alike"].funnel.counts["kept"] > 15
    assert not came["words"].failed


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_labelled_clips_go_into_every_format(tmp_path: Path, shared_clips: Path) -> None:
    """Real footage through the whole chain, and read back by each format's rules: what is kept is in all of them."""
    pytest.importorskip("matplotlib", reason="extra [stats]: make test brings it")
    rows = [json.loads(line) for line in (shared_clips / "labels.jsonl").read_text().splitlines()]
    videos = [shared_clips / row["file"] for row in rows if row["has_hoi"]][:3]
    came = whole(tmp_path, videos, "hoi_lite")
    kept = came["alike"].funnel.counts["kept"]
    assert kept == came["verified"].verified.clips == came["numbers"].found.captions >= 2
    for name in names_of("format"):
        if name == "lance" and importlib.util.find_spec("lance") is None:
            continue  # make readers has it
        wanted = {"frames": "17", "size": "128x96", "fps": 8.0} | ASKED.get(name, {})
        out = tmp_path / name
        with in_this_process():
            done = export(came["run"], to=name, out=out, quiet=True, **wanted)
            again = export(came["run"], to=name, out=out, quiet=True, **wanted)
        assert (done.plan.kept, dict(done.plan.left_out), dict(done.failed)) == (kept, {}, {}), name
        assert done.written == done.plan.files, name
        assert done.read_back == done.samples == kept, name
        assert (again.written, again.already) == (0, done.plan.files), name


def test_hashes_of_footage_are_found_again_mirrored_and_smaller(tmp_path: Path) -> None:
    """The measure and the join together, on frames that went through an encoder."""
    from hoigen import Clip, video
    from hoigen.measures.perceptual_hash import PerceptualHash

    source = str(locate("sample_bikes").path)
    frames = [image for image, at in video.walk(source, short_side=180) if at < 3.0]
    made = {
        "small": render(tmp_path / "small.mp4", [frame[::2, ::2] for frame in frames], options={"crf": "34"}),
        "mirrored": render(tmp_path / "mirrored.mp4", [frame[:, ::-1] for frame in frames]),
    }
    hashes = []
    for path in (source, *map(str, made.values())):
        stream = PerceptualHash().begin(Clip(id="c", uri=path, end=3.0, width=320, height=180, fps=25))
        clip = Clip(id="c", uri=path, end=2.9, width=320, height=180, fps=25)
        video.decode(clip, [], [(PerceptualHash().sampling, stream.see)])
        hashes.append(str(stream.score().detail["hashes"]))
    pairs = near.pairs_of(near.looks_of(hashes, [None] * 3), 0.6, MIRROR)
    assert list(zip(pairs.first.tolist(), pairs.second.tolist(), pairs.mirrored.tolist(), strict=True)) == [
        (0, 1, False),
        (0, 2, True),
        (1, 2, True),
    ]
