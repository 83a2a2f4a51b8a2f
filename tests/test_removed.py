"""What somebody asked to be taken out is seen by no command, whatever is tried to get it back in, and is counted."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import fake_talk
import hoigen
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.rules import decide, removals, sets
from hoigen.rules.runfile import steps_of
from hoigen.stages.captioned import caption_rows
from hoigen.stages.kept import kept_clips
from render import pan, render, texture
from run_folders import curated

TOLD = "1 removed: somebody asked for that"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of four short videos, and an expert that says the same of each."""
    folder = tmp_path_factory.mktemp("removed")
    for at in range(4):
        render(folder / f"v{at}.mp4", pan(texture(at, (200, 120)), 24, (1, 0), (128, 72)), fps=24)
    fake_talk.write(folder)
    curated(videos=str(folder / "v*.mp4"), run=folder / "run", measures=["metadata"], keep={})
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Run:
    """A copy of that run."""
    shutil.copytree(made, tmp_path / "made")
    return Run(tmp_path / "made" / "run")


def ends(run: Run) -> dict[str, tuple[str, str | None]]:
    """Clip -> how it ended, and by which rule; in the order of the input."""
    rows = decide.connect(run, steps_of(run)[1]).execute("select id, state, rule from decided").fetchall()
    return {name: (state, rule) for name, state, rule in rows}


def remove(run: Run, *lines: str) -> None:
    asked = run.path.parent / "asked.csv"
    asked.write_text("\n".join(["kind,value", *lines]) + "\n")
    removals.write(run.path, removals.asked(asked, run)[0])


def alike(run: Run, *names: str) -> None:
    """The rule of near-duplicates, as `hoigen duplicates` writes it: these show the same, the first of them stays."""
    rows = [{"id": n, "grp": names[0], "place": at, "quota": 1, "words": "alike"} for at, n in enumerate(names)]
    sets.write(run, "near_duplicates", rows, {"came": 4})


def caption(run: Run, **more: object) -> object:
    spec = json.dumps(fake_talk.spec(run.path.parent)["captioner"])
    return hoigen.caption(run.path, set=[f"captioner={spec}"], workers=1, report=False, quiet=True, **more)


def test_a_removed_clip_is_dropped_last_by_a_rule_of_that_name(run: Run) -> None:
    first, *others = ends(run)
    remove(run, f"clip,{first}")
    assert ends(run) == {first: ("dropped", "removed"), **dict.fromkeys(others, ("kept", None))}
    funnel = hoigen.funnel(run.path)
    assert [(stage.name, stage.came, stage.dropped) for stage in funnel.stages] == [("removed", 4, 1)]
    assert [name for _, ids in kept_clips(run, steps_of(run)[1]) for name in ids] == others
    (run.path / removals.FILE).write_text('[{"what": 1}]')
    with pytest.raises(UsageError, match="is no list of removals"):
        hoigen.funnel(run.path)
    (run.path / removals.FILE).write_text('[{"kind": "clips", "key": "0"}]')
    with pytest.raises(UsageError, match="entry 1: kind is one of clip, video, person; it came as 'clips'"):
        hoigen.funnel(run.path)


def test_the_page_shows_no_removed_clip_whichever_rule_dropped_it(run: Run) -> None:
    first, second, third, _ = ends(run)
    alike(run, second, first)
    remove(run, f"clip,{first}")
    assert [ends(run)[name][1] for name in (first, second)] == ["near_duplicates", "removed"]
    page = hoigen.report(run.path).read_text()
    assert [f"v{at}.mp4" in page for at in range(4)] == [False, False, True, True]
    assert [name in page for name in (first, second, third)] == [False, False, True]
    assert "2 clips: search, sort" in page


def test_captions_are_asked_for_what_stays_alone(run: Run) -> None:
    first, *others = ends(run)
    remove(run, f"clip,{first}")
    assert TOLD in str(caption(run, dry_run=True))
    assert TOLD in str(caption(run))
    assert {row["id"] for row in caption_rows(run)} == set(others)


def test_statistics_count_what_stays_and_say_what_does_not(run: Run) -> None:
    first, *_ = ends(run)
    whole = hoigen.clip_stats(run.path).found
    remove(run, f"clip,{first}")
    told = hoigen.clip_stats(run.path)
    assert (whole.clips, whole.removed, told.found.clips, told.found.removed) == (4, 0, 3, 1)
    assert told.found.seconds == pytest.approx(0.75 * whole.seconds)
    assert TOLD in str(told)
    assert "removed: somebody asked for that" in told.files[0].read_text()
    remove(run, *(f"clip,{name}" for name in ends(run)))
    with pytest.raises(UsageError, match="removals take out every one"):
        hoigen.clip_stats(run.path)


def test_nothing_that_shows_the_same_comes_back_in_its_place(run: Run) -> None:
    first, second, third, fourth = ends(run)
    alike(run, second, first)
    remove(run, f"clip,{first}")
    kept = {third: ("kept", None), fourth: ("kept", None)}
    assert ends(run) == {second: ("dropped", "removed"), first: ("dropped", "near_duplicates"), **kept}
    remove(run, f"clip,{second}")  # now the other one is asked for
    assert ends(run) == {second: ("dropped", "removed"), first: ("dropped", "near_duplicates"), **kept}


def test_a_removed_clip_takes_no_place_of_a_quota(run: Run) -> None:
    first, second, third, fourth = ends(run)
    rows = [{"id": name, "grp": "all", "place": at, "quota": 2, "words": "2 stay"} for at, name in enumerate(ends(run))]
    sets.write(run, "balance", rows, {"came": 4})
    remove(run, f"clip,{first}")
    left = ("dropped", "balance")
    assert ends(run) == {
        first: ("dropped", "removed"), second: ("kept", None), third: ("kept", None), fourth: left
    }  # fmt: skip
    assert "balance was made when 4 clips came to it, now 3 do" in str(hoigen.funnel(run.path))


def test_a_removed_clip_does_not_come_back_under_another_name_or_cut_otherwise(run: Run, tmp_path: Path) -> None:
    first, *_ = ends(run)
    remove(run, f"clip,{first}")
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(run.path.parent / "v0.mp4", again / "quite_another.mp4")
    shutil.copy(run.path.parent / "v1.mp4", again / "v9.mp4")
    curated(videos=str(again / "*.mp4"), run=tmp_path / "new", measures=["metadata"], keep={}, shots="none")
    new = Run(tmp_path / "new")
    (new.path / removals.FILE).write_bytes((run.path / removals.FILE).read_bytes())
    assert list(ends(new).values()) == [("dropped", "removed"), ("kept", None)]


def test_long_lists_of_all_kinds_find_what_they_name(run: Run) -> None:
    first, second, *_ = ends(run)
    uris = dict(decide.connect(run, steps_of(run)[1]).execute("select id, uri from decided").fetchall())
    asked = run.path.parent / "asked.csv"
    people = "".join(f"person,p{at},yes\n" for at in range(300))
    asked.write_text(f"kind,value,ahead\nclip,{first},\nvideo,{uris[second]},\n{people}")
    found, ahead = removals.asked(asked, run)
    removals.write(run.path, found)
    assert len(ahead) == 300, "nobody of that name is in the list"
    con = decide.connect(run, steps_of(run)[1])
    assert {name for (name,) in con.execute("select id from removed").fetchall()} == {first, second}
    assert decide.removed_count(con) == 2


def test_a_clip_that_is_listed_twice_is_counted_once(run: Run) -> None:
    first, *_ = ends(run)
    rows = run.clips.read(0)
    run.clips.write(0, [*rows, *(row | {"n": 1} for row in rows if row["id"] == first)])
    remove(run, f"clip,{first}")
    con = decide.connect(run, steps_of(run)[1])
    assert decide.counts(con) == {"dropped": 2, "kept": 3}
    assert decide.removed_count(con) == 1


def test_no_list_that_is_written_has_a_removed_clip(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    first, *others = ends(run)
    caption(run)
    before = hoigen.categories(run.path, out=run.path / "c.csv").captions
    remove(run, f"clip,{first}")
    assert [row["id"] for row in hoigen.table(run.path)] == others
    assert hoigen.table(run.path).removed == 1
    for state in ([], ["--state", "dropped"]):
        assert main(["table", str(run.path), *state]) == 0
        said = capsys.readouterr()
        assert (first in said.out, "v0.mp4" in said.out) == (False, False)
        assert TOLD in said.err
    assert (before, hoigen.categories(run.path, out=run.path / "c.csv").captions) == (4, 3)
    assert first not in (run.path / "c.csv").read_text()
    own = run.path.parent / "captions.csv"
    own.write_text("id,caption\n" + "".join(f"{name},A man holds a cup.\n" for name in (first, *others)))
    hoigen.categories(run.path, captions=own, out=run.path / "c.csv")
    assert {line.split(",")[0] for line in (run.path / "c.csv").read_text().splitlines()[1:]} == set(others)


def test_which_clips_are_removed_is_looked_up_anew_only_when_something_changed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, *_ = ends(run)
    monkeypatch.setattr(removals, "KEEP_FROM_CLIPS", 1)
    looked: list[int] = []
    own = removals.mark
    monkeypatch.setattr(removals, "mark", lambda con, rows, *more: looked.append(len(rows)) or own(con, rows, *more))

    def dropped() -> list[str]:
        with decide.connect(run, steps_of(run)[1]) as con:
            return [name for (name,) in con.execute("select id from removed order by id").fetchall()]

    remove(run, f"clip,{first}")
    assert (dropped(), dropped(), len(looked)) == ([first], [first], 1)
    remove(run, f"clip,{first}", f"clip,{second}")
    both = sorted((first, second))
    assert (dropped(), dropped(), len(looked)) == (both, both, 2)
    rows = run.clips.read(0)
    run.clips.write(0, [row | {"id": "other"} if row["id"] == second else row for row in rows])
    assert ("other" in dropped(), len(looked)) == (True, 3), "by its content"
    (run.path / "joined" / "removed.parquet").write_bytes(b"PAR1 no table")
    assert ("other" in dropped(), len(looked)) == (True, 4)
    alike(run, "other", rows[3]["id"])
    assert (rows[3]["id"] in hoigen.table(run.path).arrow()["id"].to_pylist(), len(looked)) == (False, 5)
