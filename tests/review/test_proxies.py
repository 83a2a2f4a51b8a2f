"""Files that browsers play: made ahead in the order of lending, or on demand; what cannot be read costs itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_world import clip_row

from hoigen.data.run import Run
from hoigen.review import proxies
from hoigen.review.database import Database
from hoigen.review.project import add_clips, add_items
from hoigen.work.task import Limits
from render import pan, render, texture
from run_folders import in_this_process


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("s") / "a.mp4", pan(texture(1, (300, 200)), 50, (1, 1), (96, 54)))


@pytest.fixture(autouse=True)
def here() -> Iterator[None]:
    with in_this_process():
        yield


def row(source: Path, name: str, start: float = 0.0, **more: Any) -> dict[str, Any]:
    return clip_row(name, uri=str(source), start=start, end=start + 0.4, width=96, height=54, digest="", **more)


def test_all_are_made_ahead_those_lent_first_at_the_front(db: Database, source: Path, tmp_path: Path) -> None:
    db.create()
    rows = [row(source, f"c{at}", 0.1 * at) for at in range(6)]
    bad = row(tmp_path / "gone.mp4", "bad")
    with db.write() as con:
        add_clips(con, [*rows, bad])
        add_items(con, [{"question": "keep", "clip": r["id"], "priority": -at} for at, r in enumerate([*rows, bad])])
        add_items(con, [{"question": "rating", "clip": r["id"], "priority": 5} for r in rows])
    order = [clip.id for clip in proxies._clips(db)]
    assert order == ["bad", "c5", "c4", "c3", "c2", "c1", "c0"], "each once"
    run = Run(tmp_path / "run")
    made = proxies.render_ahead(run, db, Limits(), quiet=True)
    assert (made.made, list(made.failed)) == (6, ["bad"])
    assert (made.incomplete, made.partial) == (False, True)
    assert all(proxies.ready(run, each) for each in rows)
    assert proxies.ready(run, bad) is None
    assert proxies.ready(run, rows[0] | {"digest": "another"}) is None, "other content is another file"
    again = proxies.render_ahead(run, db, Limits(), quiet=True)
    assert (again.made, again.already) == (0, 6)


def test_the_second_video_of_a_pair_is_made_too(tmp_path: Path, source: Path) -> None:
    db = Database(tmp_path / "r.sqlite")
    db.create()
    with db.write() as con:
        add_clips(con, [row(source, "one"), row(source, "two", 0.5)])
        add_items(con, [{"question": "preference", "clip": "one", "other": "two"}])
    assert [clip.id for clip in proxies._clips(db)] == ["one", "two"]
    db.close()


def test_on_demand_a_clip_is_there_when_it_is_waited_for(tmp_path: Path, source: Path) -> None:
    run = Run(tmp_path / "run")
    renderer = proxies.Renderer(run)
    rows = [row(source, f"c{at}", 0.1 * at) for at in range(4)]
    try:
        renderer.want(rows)
        found = renderer.wait(rows[2], 60)
        assert found is not None
        assert found.read_bytes()[4:8] == b"ftyp"
        assert renderer.wait(row(tmp_path / "gone.mp4", "bad"), 60) is None
        assert "gone.mp4" in renderer.failed("bad")
        assert renderer.failed("c0") == ""
        assert all(renderer.wait(each, 60) for each in rows)
    finally:
        renderer.close()
    renderer.want([row(source, "late", 0.7)])
    assert renderer.wait(row(source, "late", 0.7), 0.2) is None, "nothing is begun after the end"
