"""A real run -> its report: the numbers of the page are those of the run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import hoigen
from hoigen.commands.report import report
from hoigen.core.errors import UsageError
from hoigen.core.trusted import grant
from hoigen.data.run import Run
from hoigen.pages.facts import ReportFacts
from hoigen.pages.gather import gather
from hoigen.rules.decide import connect, counts
from hoigen.rules.runfile import steps_of

MEASURE = '''
from pathlib import Path
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("wanted")
class Wanted:
    """How much the name is wanted, 0 to 9; higher is more."""
    sampling: Sampling = Sampling(frames=2, short_side=16)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        if "odd" in clip.uri:
            raise ValueError("an odd one")
        hand = {"box": [0.1, 0.1, 0.5, 0.5], "kind": "hand", "label": "hand"}
        return Score(float(Path(clip.uri).stem[-1]), {"time": float(frames.times[1]), "boxes": [hand]})
'''


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, tiny_video: Path) -> Run:
    """Ten good videos, of which one lies elsewhere and one was replaced by now, one on which the measure fails, one
    that is no video.
    """
    folder = tmp_path_factory.mktemp("report")
    (folder / "videos").mkdir()
    for number in range(10):
        shutil.copy(tiny_video, folder / "videos" / f"<b>é {number}.mp4")
    shutil.copy(tiny_video, folder / "videos" / "odd.mp4")
    (folder / "videos" / "garbage.mp4").write_bytes(b"garbage" * 100)
    (folder / "wanted.py").write_text(MEASURE)
    hoigen.curate(
        videos=folder / "videos",
        run=folder / "run",
        shots="none",
        duplicates="keep",
        measures=["metadata", str(folder / "wanted.py")],
        keep={"wanted": {"min": 4}},
        report=False,
        quiet=True,
    )
    (folder / "videos" / "<b>é 7.mp4").unlink()
    with open(folder / "videos" / "<b>é 6.mp4", "ab") as file:  # another file now, which decodes as well
        file.write(b"\0\0\0\x08free")
    return Run(folder / "run")


@pytest.fixture(autouse=True)
def trusted_here(run: Run) -> None:
    """The measure of the run that these tests share was asked for; each test trusts anew."""
    grant(run.path.parent / "wanted.py")


@pytest.fixture(scope="module")
def read(run: Run) -> ReportFacts:
    return gather(run, shown=24)


def test_every_clip_is_counted(run: Run, read: ReportFacts) -> None:
    _, steps = steps_of(run)
    con = connect(run, steps)
    found = counts(con)
    assert (read.kept, read.dropped, read.failed, read.pending) == (6, 4, 2, 0)
    assert (found["kept"], found["dropped"], found["failed"]) == (6, 4, 2)
    assert (read.clips, read.videos) == (12, 12)
    assert read.stages[0].entered == read.clips
    assert read.stages[-1].left == read.kept
    assert sum(stage.dropped for stage in read.stages) == read.dropped
    assert sum(stage.failed for stage in read.stages) == read.failed


def test_the_histogram_holds_every_value(read: ReportFacts) -> None:
    one, *others = read.histograms
    assert {each.score for each in others} == {"duration", "short_side", "fps", "has_audio", "vfr"} | {
        "clock_jumps",
        "hdr",
        "interlaced",
    }
    for each in read.histograms:
        assert each.count + each.nulls + each.failed + each.unseen == read.clips
    assert (sum(one.kept), sum(one.here), sum(one.elsewhere)) == (6, 4, 0)
    assert (one.failed, one.unseen) == (1, 1)
    assert one.about == "How much the name is wanted, 0 to 9; higher is more."


def test_sheets_show_what_was_decided(read: ReportFacts) -> None:
    assert read.kept_sheet is not None
    (dropped,) = read.dropped_sheets
    assert [tile.scores[-1].value for tile in dropped.tiles] == [3, 2, 1, 0]
    assert dropped.tiles[0].reason == "wanted 3 < min 4"
    assert len(read.kept_sheet.tiles) == 6
    shown = {Path(tile.uri).stem[-1]: tile for tile in read.kept_sheet.tiles}
    assert shown["7"].pictures == ()
    assert shown["7"].missing
    assert shown["6"].pictures == ()
    assert shown["6"].missing.startswith("the file has changed since it was measured")
    assert len(shown["8"].pictures) == 3
    assert [box.label for picture in shown["8"].pictures for box in picture.boxes] == ["hand"]


def test_failures_say_where_and_why(read: ReportFacts) -> None:
    where = {group.where: group for group in read.failures}
    assert set(where) == {"reading", "wanted"}
    assert "an odd one" in where["wanted"].reason
    assert where["reading"].examples[0].endswith("garbage.mp4")


def test_the_verb_writes_one_small_file(run: Run, tmp_path: Path) -> None:
    assert report(run.path) == run.report_file
    assert report(run.path, out=tmp_path / "page.html", shown=2) == tmp_path / "page.html"
    page = run.report_file.read_text(encoding="utf-8")
    assert "6 of 12 clips kept" in page
    assert "<b>é" not in page
    assert len(page) < 8_000_000


def test_the_same_run_gives_the_same_page(run: Run, tmp_path: Path) -> None:
    pages = [report(run.path, out=tmp_path / name).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_no_run_and_no_number_are_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run"):
        report(tmp_path)
    with pytest.raises(UsageError, match="shown"):
        report(run.path, shown=-1)
