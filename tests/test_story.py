"""`make story`: its page of docs, what it does again, and, slowly, all of it with labelled clips, in a browser."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).resolve().parents[1]
sys.path.append(str(REPO / "benchmarks"))
import story as telling  # noqa: E402
import story_words  # noqa: E402


def test_the_tour_is_what_runs() -> None:
    assert (REPO / "docs" / "story.md").read_text(encoding="utf-8") == telling.tour(), (
        "python benchmarks/story.py --tour > docs/story.md"
    )


def test_the_commands_of_the_tour_are_hoigens() -> None:
    from hoigen import VERBS

    commands = re.findall(r"^hoigen (\S+) (.*)$", telling.tour().replace("\\\n", ""), re.MULTILINE)
    given = [" ".join(each.split()[1:]) for step in telling.STEPS for each in step.does if isinstance(each, str)]
    assert [f"{verb} {' '.join(rest.split())}" for verb, rest in commands] == given, "broken for a shell, else the same"
    assert len(commands) > 20
    assert {verb for verb, _ in commands} <= set(VERBS)
    for verb, rest in commands:
        assert all(word.startswith("runs/story") for word in shlex.split(rest) if word.startswith("runs/")), verb


def steps_of(done: list[str]) -> list[telling.Step]:
    """Three steps that write a file each, and note that they ran."""

    def making(name: str) -> Any:
        def make(story: telling.Story) -> str:
            """Writes a file."""
            (story.out / name).mkdir(exist_ok=True)
            (story.out / name / "file").write_text(name)
            done.append(name)
            return f"made {name}"

        return make

    return [telling.Step(n, n, n, (making(n), "hoigen list"), ((f"{n}/file", n),), (n,)) for n in ("a", "b", "c")]


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    steps, story = steps_of(done), telling.Story(tmp_path, 0)
    stopped = [*steps[:1], telling.Step("b", "b", "b", (steps[1].does[0], "hoigen nothing"), (("b/file", "b"),))]
    with pytest.raises(SystemExit):  # the command of the second step is none
        telling.carry_out(story, stopped)
    assert done == ["a", "b"]
    first = telling.carry_out(story, steps)
    assert done == ["a", "b", "b", "c"], "what was finished is not done again"
    assert "made b" in first["b"]["said"][0]
    assert "measures" in first["b"]["said"][1], "what the command printed"
    assert telling.carry_out(story, steps) == first
    assert done == ["a", "b", "b", "c"]
    (tmp_path / "b" / "file").unlink()
    (tmp_path / "b" / "more").touch()
    (tmp_path / "c" / "more").touch()
    telling.carry_out(story, steps)
    assert done[4:] == ["b", "c"], "what is lost is made anew, and what was made of it"
    assert not [*tmp_path.rglob("more")], "in folders that were taken away first"
    (tmp_path / "b" / "file").unlink()
    failing = telling.Step("b", "b", "b", ("hoigen nothing", *steps[1].does), steps[1].makes)
    with pytest.raises(SystemExit):
        telling.carry_out(story, [steps[0], failing, steps[2]])
    (tmp_path / "b" / "file").touch()
    telling.carry_out(story, steps)
    assert done[6:] == ["b", "c"], "also where it was stopped on the way"
    with pytest.raises(SystemExit, match="another --out"):
        telling.carry_out(telling.Story(tmp_path, 4), steps)


def test_notes_are_of_the_stretch_that_most_of_a_clip_lies_in(tmp_path: Path) -> None:
    telling.footage(telling.Story(tmp_path, 0))
    rows = story_words.read(tmp_path / "notes.csv")
    found = story_words.of_clip(rows, "/somewhere/bikes.mp4", 3.2, 5.6)
    assert found is not None
    assert found.answer == "keep"
    assert story_words.of_clip(rows, "bikes.mp4", 20.0, 21.0) is None
    assert story_words.of_clip(rows, "other.mp4", 3.2, 5.6) is None


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_whole_story_with_labelled_clips(tmp_path: Path, shared_clips: Path) -> None:
    pytest.importorskip("diffusers", reason="extra [train] is not installed")
    out = tmp_path / "story"
    command = [sys.executable, str(REPO / "benchmarks" / "story.py"), "--out", str(out), "--shared", "4"]
    environment = os.environ | {"PYTHONPATH": str(REPO / "src"), "HOIGEN_SHARED": str(shared_clips.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert again.stdout.count("done before") == len(telling.STEPS)
    after = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert {path for path in before | after if before.get(path) != after.get(path)} == {out / "index.html"}
    page = (out / "index.html").read_text()
    assert "proves no gain" in page
    assert "answers from notes" in page
    moved = out.rename(tmp_path / "moved")
    _opened(moved)


def _opened(folder: Path) -> None:
    """Every page that the story leads to opens in a browser without an error, and every video in it plays."""
    browser = os.environ.get("HOIGEN_CHROMIUM") or shutil.which("chromium")
    if browser is None:
        pytest.skip("no chromium")
    sync = pytest.importorskip("playwright.sync_api")
    with sync.sync_playwright() as play, play.chromium.launch(executable_path=browser, args=["--no-sandbox"]) as opened:
        page = opened.new_page()
        faults: list[str] = []
        page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto((folder / "index.html").as_uri())
        page.wait_for_function("[...document.querySelectorAll('video')].every(v => v.readyState >= 2 && !v.error)")
        links = page.evaluate("[...document.querySelectorAll('main a')].map(a => a.href)")
        assert len(links) > 25
        for link in links:
            if link.endswith(".html"):
                page.goto(link)
        assert faults == []
