"""A release: whole, honest about people and licences, and nothing comes back that somebody asked to be taken out."""

from __future__ import annotations

import csv
import json
import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from counted import CLIPS, STEPS, caption, counted, listed

from hoigen.commands.cli import main
from hoigen.commands.release import ReleaseResult, release
from hoigen.commands.split import split
from hoigen.commands.verify_release import verify_release
from hoigen.core.errors import UsageError
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.run import Run
from hoigen.dataset.release import checking, rights
from hoigen.dataset.release.describe import MEASURED
from hoigen.rules import decide, removals, sets
from render import render, texture

WHO: dict[str, Any] = {"creator": "The team", "contact": "team@example.org"}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return counted(tmp_path / "hands")


def made(run: Run, **more: Any) -> ReleaseResult:
    return release(run.path, **{"licence": "CC-BY-NC-4.0", **WHO, **more})


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    found = [row for path in sorted(folder.glob("data/clips-*.parquet")) for row in pq.read_table(path).to_pylist()]
    return {row["id"]: row for row in found}


def asked(folder: Path, *lines: str) -> Path:
    path = folder / "asked.csv"
    path.write_text("\n".join(["kind,value,who,when,why", *lines]) + "\n")
    return path


# what is in it


def test_the_index_has_every_kept_clip_with_all_that_is_known(run: Run) -> None:
    split(run.path, validation=0.2)
    result = made(run)
    found = rows(result.made.folder)
    assert list(found) == ["a", "b", "c", "d", "e"], "in the order of the input; f is dropped"
    row = found["b"]
    assert (row["uri"], row["start"], row["end"], row["digest"]) == ("/videos/b.mp4", 0.0, 4.0, "b" * 8)
    assert (row["source"], row["licence"], row["width"], row["height"]) == ("pexels", "Pexels", 1280, 720)
    assert row["caption"] == "A woman cuts bread with a knife."
    assert [one["action"] for one in row["categories"]] == ["cut", "hold"]
    assert (row["interaction"], row["motion"], row["file"], row["verdicts"]) == ("one person", 0.2, None, None)
    assert {one["part"] for one in found.values()} == {"train", "validation"}
    assert found["c"]["licence"] == rights.NOT_STATED
    assert found["d"]["caption"] is None
    traces = pq.read_table(result.made.folder / "data" / "traces-00000.parquet").to_pylist()
    assert [trace["id"] for trace in traces] == ["a", "b", "c", "e"]
    assert json.loads(traces[0]["trace"])[0]["prompt"] == "describe"
    assert result.made.folder == run.path.parent / "hands-1.0.0"


def test_the_same_run_gives_the_same_tables(run: Run) -> None:
    one, two = made(run).made.folder, made(run, version="1.0.1").made.folder
    assert rows(one) == rows(two)
    assert (one / "data/clips-00000.parquet").read_bytes() == (two / "data/clips-00000.parquet").read_bytes()


def a_cut(run: Run, tmp_path: Path) -> tuple[Path, Path]:
    """A folder like that of `hoigen cut`, and the licences of sources with which it may be given."""
    folder, sources = tmp_path / "cut", tmp_path / "sources.csv"
    folder.mkdir()
    for name, _, seconds, *_ in CLIPS[:-1]:
        render(folder / f"{name}.mp4", [texture(1, (48, 64))] * int(2 * seconds), fps=2)
    sources.write_text("source,licence\nown,CC-BY-NC-4.0\n")
    for shard in (0, 1):
        changed = run.clips.read(shard)
        for row in changed:
            row["meta"], row["source"] = "{}", "own"
        run.clips.write(shard, changed)
    return folder, sources


def test_files_that_are_not_the_clips_are_refused(run: Run, tmp_path: Path) -> None:
    folder, sources = a_cut(run, tmp_path)
    before = sorted(path.name for path in run.path.parent.iterdir())
    whole = (folder / "b.mp4").read_bytes()
    (folder / "a.mp4").write_bytes(b"")
    render(folder / "b.mp4", [texture(1, (48, 64))] * 3, fps=2)
    said = r"2 files are not their clips: a.mp4 is empty \(0 bytes\); b.mp4 is 1.50 s long, and its clip 4.00 s"
    with pytest.raises(UsageError, match=said):
        made(run, clips=folder, sources=sources)
    (folder / "a.mp4").write_bytes(whole)
    (folder / "b.mp4").write_bytes(whole)
    other = tmp_path / "other"
    other.mkdir()
    (folder / ".cut").write_text(f"exact\n{other}\n")
    with pytest.raises(UsageError, match=f"holds clips of another run \\({other}\\); hoigen cut makes those of"):
        made(run, clips=folder, sources=sources)
    other.rmdir()  # perhaps this run, before it was moved
    assert sorted(path.name for path in run.path.parent.iterdir()) == before
    assert made(run, clips=folder, sources=sources).made.facts.media


def test_files_of_cut_become_part_of_it(run: Run, tmp_path: Path) -> None:
    folder, sources = a_cut(run, tmp_path)
    (folder / "e.mp4").rename(folder / "z.mp4")
    with pytest.raises(UsageError, match=r"1 clip has no file there \(e\); hoigen cut makes them"):
        made(run, clips=folder, sources=sources)
    (folder / "z.mp4").rename(folder / "e.mkv")
    result = made(run, clips=folder, sources=sources)
    row = rows(result.made.folder)["a"]
    assert row["file"] == "clips/a.mp4"
    assert row["file_sha256"] == checking.sha256(result.made.folder / "clips" / "a.mp4")
    assert {path.name for path in (result.made.folder / "clips").iterdir()} == {*(f"{n}.mp4" for n in "abcd"), "e.mkv"}
    assert verify_release(result.made.folder).verified.files == 13
    assert "faces were not blurred" in (result.made.folder / "README.md").read_text()
    (folder / ".cut").write_text("blurred\n/runs/hands\n")  # as `hoigen cut --blur-faces` notes it
    card = (made(run, clips=folder, sources=sources, version="1.1.0").made.folder / "README.md").read_text()
    assert "Faces were blurred in the files as far as a machine found them" in card
    assert MEASURED["precision"] in card
    (folder / ".cut").write_text("blurred, recall\n/runs/hands\n")
    recall = made(run, clips=folder, sources=sources, version="1.2.0").made.folder
    assert MEASURED["recall"] in (recall / "README.md").read_text()
    facts = json.loads((recall / "release.json").read_text())
    assert (facts["faces_blurred"], facts["faces_by"]) == (True, "recall")
    (folder / ".cut").write_text("blurred by hand\n")
    with pytest.raises(UsageError, match=r"is damaged \(blurred by hand\)"):
        made(run, clips=folder, sources=sources, version="1.3.0")


# what machines read


def test_croissant_is_valid_and_its_records_are_read(run: Run) -> None:
    croissant = pytest.importorskip("mlcroissant", reason="make test brings it")
    Annotations(run).append([Annotation(clip="a", question="keep", value="keep", who="ann", tool="t")])
    folder = made(run).made.folder
    dataset = croissant.Dataset(str(folder / "croissant.json"))
    assert not dataset.metadata.issues.errors
    assert not dataset.metadata.issues.warnings
    document = json.loads((folder / "croissant.json").read_text())
    assert "http://mlcommons.org/croissant/1.1" in document["conformsTo"]
    records = list(dataset.records("clips-0"))
    assert len(records) == 5
    assert records[0]["clips-0/caption"] in (
        b"A man holds a red cup. He holds it.",
        "A man holds a red cup. He holds it.",
    )
    broken = document | {
        "recordSet": [{"@type": "cr:RecordSet", "@id": "x", "name": "x", "field": [{"@type": "cr:Field"}]}]
    }
    (folder / "croissant.json").write_text(json.dumps(broken))
    with pytest.raises(croissant.ValidationError):
        croissant.Dataset(str(folder / "croissant.json"))


def test_without_verdicts_it_says_not_reviewed(run: Run) -> None:
    result = made(run)
    document = json.loads((result.made.folder / "croissant.json").read_text())
    for key in ("dataAnnotationProtocol", "annotationsPerItem"):
        assert document[f"rai:{key}"] == "not reviewed"
    for key in ("dataAnnotationAnalysis", "dataAnnotationPlatform", "annotatorDemographics"):
        assert document[f"rai:{key}"] == ["not reviewed"]
    assert "Checked by people: not reviewed" in (result.made.folder / "README.md").read_text()
    assert any("not reviewed" in warning for warning in result.made.warnings)


def test_with_verdicts_it_says_how_many_people_and_how_far_they_agree(run: Run) -> None:
    said = {"ann": "keep keep drop keep", "ben": "keep drop drop keep"}
    Annotations(run).append(
        [
            Annotation(clip=clip, question="keep", value=value, who=who, tool="t")
            for who, values in said.items()
            for clip, value in zip("abcf", values.split(), strict=True)
        ]
    )
    result = made(run, told="Keep what shows a hand that holds something.")
    review = result.made.facts.review
    assert review is not None
    assert (review.question, review.people, review.clips, review.twice, review.yes) == ("keep", 2, 3, 3, 1)
    document = json.loads((result.made.folder / "croissant.json").read_text())
    assert document["rai:dataAnnotationProtocol"] == "Keep what shows a hand that holds something."
    assert document["rai:annotationsPerItem"] == "3 of 5 clips by one person or more, 3 by two or more"
    assert "2 people; most said yes of 1 of 3 clips." in document["rai:dataAnnotationAnalysis"]
    assert "Krippendorff's alpha" in document["rai:dataAnnotationAnalysis"][1]
    card = (result.made.folder / "README.md").read_text()
    assert "- What they were told: Keep what shows a hand that holds something.\n" in card
    found = rows(result.made.folder)
    assert json.loads(found["b"]["verdicts"]) == {"keep": {"drop": 1, "keep": 1}}
    everything = "".join(path.read_text() for path in result.made.folder.rglob("*") if path.suffix in (".md", ".json"))
    assert "ann" not in everything.replace("annotat", "").replace("Annotat", "").split(), "nobody is named"


def test_the_summary_of_the_eu_has_its_sections(run: Run) -> None:
    text = (made(run).made.folder / "eu_summary.md").read_text()
    for heading in (
        "1.1 Provider",
        "1.3 Modalities",
        "2.1 Publicly",
        "2.3 Data crawled",
        "2.5 Synthetic",
        "3.1 Respect",
    ):
        assert f"### {heading}" in text
    assert "- own: 2 clips" in text
    assert "- CC-BY-4.0: 2 clips" in text
    assert "captions that describe them; captioner: " in text


def test_texts_of_strangers_break_no_table(run: Run) -> None:
    changed = run.clips.read(0)
    changed[0]["source"] = "a | b\n<script>[x](y)"
    run.clips.write(0, changed)
    text = (made(run).made.folder / "README.md").read_text()
    [line] = [line for line in text.splitlines() if "script" in line]
    assert line.startswith(r"| a \| b \<script\>\[x\](y) | 1 |")


# whole or not


@pytest.mark.parametrize(
    "name", ["data/clips-00000.parquet", "data/traces-00000.parquet", "README.md", "croissant.json", "release.json",
             "eu_summary.md", "removals.json"],
)  # fmt: skip
def test_a_file_that_was_changed_is_named(run: Run, name: str) -> None:
    folder = made(run).made.folder
    verify_release(folder)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    with pytest.raises(UsageError, match=rf"1 fault:\n  {name}: changed since the release was made"):
        verify_release(folder)


def test_what_is_missing_added_or_a_link_is_named(run: Run, tmp_path: Path) -> None:
    folder = made(run).made.folder
    (folder / "data" / "more.parquet").write_bytes(b"x")
    (folder / "README.md").unlink()
    (folder / "eu_summary.md").rename(tmp_path / "elsewhere.md")
    (folder / "eu_summary.md").symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(UsageError) as caught:
        verify_release(folder)
    assert "3 faults" in str(caught.value)
    for fault in ("data/more.parquet: not in SHA256SUMS", "README.md: missing", "eu_summary.md: a link"):
        assert fault in str(caught.value)


def test_who_changes_the_digests_too_is_found_by_the_published_one(run: Run) -> None:
    result = made(run)
    folder = result.made.folder
    assert verify_release(folder, digest=result.made.digest).verified.digest == result.made.digest
    (folder / "README.md").write_text("other")
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    lines = [
        f"{checking.sha256(folder / 'README.md')}  README.md" if line.endswith("README.md") else line for line in sums
    ]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")
    verify_release(folder)
    with pytest.raises(UsageError, match="this is another release, or it was changed"):
        verify_release(folder, digest=result.made.digest)


@pytest.mark.parametrize("line", ["x", f"{'0' * 64}  ../outside", f"{'0' * 64}  /etc/passwd", f"{'0' * 64} one_space"])
def test_lines_of_digests_that_lead_elsewhere_are_named(run: Run, line: str) -> None:
    folder = made(run).made.folder
    with (folder / "SHA256SUMS").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(UsageError, match="SHA256SUMS, line 8: not a digest"):
        verify_release(folder)


def test_what_is_no_release_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no release: it has no SHA256SUMS"):
        verify_release(tmp_path)


# what somebody asked to be taken out


def test_a_removed_clip_stays_out_of_every_later_release(run: Run, tmp_path: Path) -> None:
    first = made(run)
    second = made(run, version="1.1.0", remove=asked(tmp_path, "clip,b,Ann,2026-11-27,privacy"))
    assert sorted(rows(second.made.folder)) == ["a", "c", "d", "e"]
    assert second.made.facts.index.removed == 1
    third = made(run, version="1.2.0")
    assert sorted(rows(third.made.folder)) == ["a", "c", "d", "e"], "nobody had to ask again"
    assert sorted(rows(first.made.folder)) == ["a", "b", "c", "d", "e"], "what was given out is what it was"
    text = (third.made.folder / "removals.json").read_text()
    assert "Ann" not in text
    assert "/videos/b.mp4" not in text
    verify_release(third.made.folder)


def test_a_removed_clip_does_not_come_back_out_of_another_run(run: Run, tmp_path: Path) -> None:
    """Under another path, with other boundaries, of a run that never heard of it."""
    old = made(run, remove=asked(tmp_path, "clip,b,Ann,,"))
    other = counted(tmp_path / "other")
    changed = other.clips.read(0)
    for row in changed:
        if row["id"] == "b":
            row |= {"id": "b", "uri": "/copies/renamed.mp4", "start": 1.0, "end": 3.5}
    changed[1]["id"] = "zz"
    other.clips.write(0, changed)
    for one in STEPS:
        table = other.scores(one.name, one.fingerprint, one.emits)
        scores = table.read(0)
        for row in scores:
            row["id"] = "zz" if row["id"] == "b" else row["id"]
        table.write(0, scores)
    assert "zz" in rows(made(other, version="1.9.0").made.folder), "without --since it cannot be known"
    later = made(other, version="2.0.0", since=old.made.folder)
    assert sorted(rows(later.made.folder)) == ["a", "c", "d", "e"]
    assert "zz" not in rows(made(other, version="2.0.1").made.folder), "the run has learnt of it"


def test_a_stretch_of_the_same_video_beside_the_removed_one_stays(run: Run, tmp_path: Path) -> None:
    changed = run.clips.read(1)
    changed[0] |= {"uri": "/videos/b.mp4", "digest": "b" * 8, "start": 4.0, "end": 9.0}
    run.clips.write(1, changed)
    assert changed[0]["id"] == "d"
    later = made(run, remove=asked(tmp_path, "clip,b,,,"))
    assert sorted(rows(later.made.folder)) == ["a", "c", "d", "e"]
    whole = made(run, version="2.0.0", remove=asked(tmp_path, "video,/videos/b.mp4,,,"))
    assert sorted(rows(whole.made.folder)) == ["a", "c", "e"]


def test_all_of_a_person_goes(run: Run, tmp_path: Path) -> None:
    for shard, names in ((0, ("Jo Doe", "someone", " JO DOE ")), (1, ("jo doe", "x", "y"))):
        changed = run.clips.read(shard)
        for row, name in zip(changed, names, strict=True):
            row["meta"] = json.dumps({"uploader": name})
        run.clips.write(shard, changed)
    later = made(run, remove=asked(tmp_path, "person,Jo Doe,Jo Doe,,"))
    assert sorted(rows(later.made.folder)) == ["b", "e"]


def test_a_person_is_found_however_the_list_writes_the_name(run: Run, tmp_path: Path) -> None:
    name = "İlker Öz"
    said = ({"Author": name.upper()}, {"people": ["Ann", name]}, {"speaker": unicodedata.normalize("NFD", name)})
    for shard, metas in ((0, said), (1, ({"people": ["Ann"]}, {"title": name}, {}))):
        changed = run.clips.read(shard)
        for row, meta in zip(changed, metas, strict=True):
            row["meta"] = json.dumps(meta)
        run.clips.write(shard, changed)
    assert sorted(rows(made(run, remove=asked(tmp_path, f"person,{name},,,")).made.folder)) == ["d", "e"]


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("Ann  Lee", "ann lee"),
        ("\uff21nn\u00a0Lee", "Ann Lee"),
        ("Lee, Ann", "Ann Lee"),
        ("Ann Lee; Bob", "Ann Lee"),
        ("Bob, Ann Lee, Jo", "ANN LEE"),
        ("Bob, Jr.", "Bob, Jr."),
    ],
)
def test_a_person_is_told_among_others_in_a_cell_and_in_other_spellings(cell: str, name: str) -> None:
    assert removals.of_person(name) in removals.keys_of_people(cell)
    assert removals.of_person("Ann") not in removals.keys_of_people("Anna; Ann Lee")


def test_a_person_is_found_among_others_in_a_cell(run: Run, tmp_path: Path) -> None:
    changed = run.clips.read(0)
    changed[1]["meta"] = json.dumps({"person": ["Jo", "Bob & Ann  Lee"]})
    run.clips.write(0, changed)
    assert sorted(rows(made(run, remove=asked(tmp_path, "person,ann lee,,,")).made.folder)) == ["a", "c", "d", "e"]


def test_a_list_of_removals_of_before_holds_on(run: Run, tmp_path: Path) -> None:
    changed = run.clips.read(0)
    changed[1]["meta"] = json.dumps({"person": "Ann  Lee"})
    run.clips.write(0, changed)
    removals.write(run.path, [removals.Removal(kind="person", key=removals.digest("ann  lee"))])
    assert sorted(rows(made(run).made.folder)) == ["a", "c", "d", "e"]


def test_a_person_whom_the_list_cannot_name_is_told(run: Run, tmp_path: Path) -> None:
    """Of another run, carried on; the list of this one has no column of people."""
    removals.write(run.path, [removals.Removal(kind="person", key=removals.of_person("Ann Lee"))])
    told = "1 person has asked to be taken out, and the list of .* names nobody .*: none of its clips was left out"
    assert re.search(told, str(made(run)))
    with decide.connect(run, STEPS) as con:
        assert re.search(told, str(decide.funnel(con, STEPS, run=run.path)))
    changed = run.clips.read(0)
    changed[1]["meta"] = json.dumps({"person": "Bob"})
    run.clips.write(0, changed)
    assert not re.search(told, str(made(run, version="1.1.0"))), "it names people, and not her"
    ahead = tmp_path / "ahead.csv"
    ahead.write_text("kind,value,ahead\nperson,Jo,yes\n")
    other = counted(tmp_path / "other")
    assert re.search(told, str(made(other, remove=ahead)))
    later = counted(tmp_path / "later")
    assert re.search(told, str(made(later, version="2.0.0", since=tmp_path / "other-1.0.0"))), "of the one before"


def test_captions_of_the_list_are_given_where_they_are_asked_for(run: Run) -> None:
    listed(run, {"a": "Listed a.", "d": " Listed d. "})
    first = made(run)
    told = "1 clip has no caption of hoigen caption and one in the input list: --captions list gives those of the list"
    assert told in first.made.warnings
    second = made(run, version="1.1.0", captions="list")
    found = rows(second.made.folder)
    assert {name: (row["caption"], row["captioner"]) for name, row in found.items() if row["caption"]} == {
        "a": ("Listed a.", "the input list"),
        "d": ("Listed d.", "the input list"),
    }
    assert not list(second.made.folder.glob("data/traces-*"))
    card = (second.made.folder / "README.md").read_text()
    assert "2 with a caption" in card
    assert "Captions: the input list." in card
    assert "call to a model" not in card
    said = json.loads((second.made.folder / "croissant.json").read_text())["rai:dataLimitations"]
    assert said[0] == "Captions are those of the input list, and categories a machine's."
    assert told not in second.made.warnings
    verify_release(second.made.folder)


def test_what_shows_the_same_as_a_removed_clip_goes_with_it(run: Run, tmp_path: Path) -> None:
    alike = [{"id": name, "grp": "a", "place": at, "quota": 1, "words": ""} for at, name in enumerate("ae")]
    sets.write(run, "near_duplicates", alike, {"came": 5})
    later = made(run, remove=asked(tmp_path, "clip,a,,,"))
    assert sorted(rows(later.made.folder)) == ["b", "c", "d"], "e showed the same, and would have taken its place"


def test_a_removed_clip_that_is_put_back_by_hand_is_named(run: Run, tmp_path: Path) -> None:
    before = made(run).made.folder
    folder = made(run, version="2.0.0", remove=asked(tmp_path, "clip,b,,,")).made.folder
    shutil.copy(before / "data" / "clips-00000.parquet", folder / "data" / "clips-00000.parquet")
    facts = json.loads((folder / "release.json").read_text()) | {"clips": 5}
    (folder / "release.json").write_text(json.dumps(facts))
    names = [line.partition("  ")[2] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    (folder / "SHA256SUMS").write_text("".join(f"{checking.sha256(folder / name)}  {name}\n" for name in names))
    with pytest.raises(UsageError, match="clip b: somebody asked for it to be removed"):
        verify_release(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("clip,nobody,,,", "has no clip 'nobody'"),
        ("video,/videos/none.mp4,,,", "has no video '/videos/none.mp4'"),
        ("clip,,,,", "column value: it is empty"),
        ("scene,b,,,", "one of clip, video, person; it came as 'scene'"),
        (",b,,,", "column kind: one of clip, video, person; it is empty"),
        ("clip,b,,yesterday,", "column when: a day, such as 2026-11-27; it came as 'yesterday'"),
    ],
)
def test_a_list_of_removals_that_is_wrong_is_one_error(run: Run, tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"asked.csv, line 2.*{said}"):
        made(run, remove=asked(tmp_path, line))
    assert not (run.path.parent / "hands-1.0.0").exists()
    assert not removals.read(run.path)


@pytest.mark.parametrize(
    ("lines", "near"),
    [
        (("person,Jo Do,,,", "person,jo doe,,,"), ["line 2, .* has no person 'Jo Do'; did you mean 'Jo Doe'?"]),
        (
            ("video,/videos/bb.mp4,,,", "clip,z,,,"),
            ["line 2, .*did you mean '/videos/b.mp4'", "line 3, .* no clip 'z'"],
        ),
        (("person,Ann,,,",), ["line 2, .* no person 'Ann'"]),
        (("video,https://www.example.org/watch?v=film_c,,,",), ["line 2, .*did you mean '/videos/film_c.mp4'"]),
    ],
)
def test_names_that_match_nothing_are_told_each(
    run: Run, tmp_path: Path, lines: tuple[str, ...], near: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    changed = run.clips.read(0)
    changed[1]["meta"], changed[2]["uri"] = json.dumps({"uploader": "Jo Doe"}), "/videos/film_c.mp4"
    run.clips.write(0, changed)
    command = ["release", str(run.path), "--licence", "CC-BY-NC-4.0", "--creator", "us", "--contact", "x@example.org"]
    assert main([*command, "--remove", str(asked(tmp_path, *lines))]) == 2
    said = capsys.readouterr().err
    assert f"{len(near)} removal" in said
    assert "did you mean 'Jo Doe'?" in said or "Jo Do'" not in said
    for each in near:
        assert re.search(each.replace("?", r"\?"), said), said
    assert not (run.path / removals.FILE).exists()


def test_what_is_asked_for_ahead_is_kept_and_said(run: Run, tmp_path: Path) -> None:
    lines = "kind,value,ahead\nperson,Jo Doe,yes\nvideo,/videos/a.mp4,no\n"
    (tmp_path / "asked.csv").write_text(lines)
    first = made(run, remove=tmp_path / "asked.csv")
    assert "line 2, column value" in str(first)
    assert "has no person 'Jo Doe'; it is kept, and holds for what comes" in str(first)
    assert "a" not in rows(first.made.folder)
    other = counted(tmp_path / "other")
    changed = other.clips.read(0)
    changed[1]["meta"] = json.dumps({"uploader": "Jo Doe"})
    other.clips.write(0, changed)
    later = made(other, version="2.0.0", since=first.made.folder)
    assert sorted(rows(later.made.folder)) == ["c", "d", "e"]


def test_a_release_tells_of_removals_no_more_than_ids_a_day_and_a_category(run: Run, tmp_path: Path) -> None:
    (tmp_path / "asked.csv").write_text(
        "kind,value,who,when,category,why\nclip,b,Jo Doe,2026-11-27,privacy,Jo Doe wants it gone\nclip,c,,,,\n"
    )
    later = made(run, remove=tmp_path / "asked.csv")
    given = json.loads((later.made.folder / "removals.json").read_text())
    assert {name for row in given for name in row} <= {*removals.GIVEN_OUT}
    assert [(row.get("when"), row.get("category")) for row in given if "when" in row] == [("2026-11-27", "privacy")]
    assert not [path for path in later.made.folder.rglob("*.*") if b"wants it gone" in path.read_bytes()]
    assert {row.why for row in removals.read(run.path)} == {"Jo Doe wants it gone", ""}
    assert later.made.facts.removals == 2
    again = made(run, version="1.1.0", since=later.made.folder)
    assert again.made.facts.removals == 2, "what comes back with the release before is the same"
    old = [{"kind": "clip", "key": "0" * 32, "when": "when Jo Doe wrote", "why": "Jo Doe"}]
    (run.path / removals.FILE).write_text(json.dumps(old))  # of an earlier version, which took any words
    last = made(run, version="1.2.0").made.folder
    assert "Jo Doe" not in (last / "removals.json").read_text()


# two releases


def test_what_went_with_a_person_or_with_what_shows_the_same_is_not_named(run: Run, tmp_path: Path) -> None:
    changed = run.clips.read(0)
    changed[1]["meta"] = json.dumps({"uploader": "Jo Doe"})
    run.clips.write(0, changed)
    alike = [{"id": name, "grp": "a", "place": at, "quota": 1, "words": ""} for at, name in enumerate("ae")]
    sets.write(run, "near_duplicates", alike, {"came": 5})
    old = made(run)
    assert sorted(rows(old.made.folder)) == ["a", "b", "c", "d"]
    lines = asked(tmp_path, "person,Jo Doe,,,", "clip,e,,,")
    later = made(run, version="1.1.0", since=old.made.folder, remove=lines)
    assert later.made.changes is not None
    assert later.made.changes.went == {"a": checking.REMOVED, "b": checking.REMOVED}
    record = json.loads((later.made.folder / "release.json").read_text())["changes"]
    assert (record["went"], record["removed"]) == ({}, 2)
    assert "/videos/b.mp4" not in "".join(path.read_text() for path in later.made.folder.glob("*.*"))


def test_two_releases_are_compared(run: Run, tmp_path: Path) -> None:
    old = made(run, remove=asked(tmp_path, "clip,c,,,"))
    table = run.captions("single", "0" * 12)
    table.write(1, [caption("d", "A dog eats."), caption("e", "Two women carry a cup."), caption("f", "x")])
    asked(tmp_path, "clip,b,,,")
    later = made(run, version="1.1.0", since=old.made.folder, remove=tmp_path / "asked.csv")
    changes = later.made.changes
    assert changes is not None
    assert (changes.before, changes.came) == ("1.0.0", ())
    assert changes.went == {"b": checking.REMOVED}
    assert changes.changed["caption"] == ("d", "e")
    text = (later.made.folder / "README.md").read_text()
    assert "- Against 1.0.0: 0 clips came, 1 went." in text
    record = json.loads((later.made.folder / "release.json").read_text())["changes"]
    assert (record["went"], record["removed"]) == ({}, 1), "what was removed is counted, and not named"
    facts = yaml.safe_load(run.recipe_file.read_text())
    facts["recipe"]["keep"] = {"motion": {"max": 0.45}}
    run.recipe_file.write_text(yaml.safe_dump(facts))
    third = made(run, version="1.2.0", since=later.made.folder)
    assert third.made.changes is not None
    assert third.made.changes.went == {"e": checking.NOT_KEPT}
    again = verify_release(third.made.folder, since=old.made.folder).changes
    assert again is not None
    assert again.went == {"b": checking.REMOVED, "e": checking.NOT_KEPT}


def signed_anew(folder: Path) -> None:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    lines = [f"{checking.sha256(folder / name)}  {name}\n" for name in names if name != "SHA256SUMS"]
    (folder / "SHA256SUMS").write_text("".join(lines))


STRANGE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"name": None}, "release.json is no release's: it has no 'name'"),
    ({"version": 7}, "release.json is no release's: version is a text; it came as 7"),
    ({"version": "9" * 5000}, "release.json is no release's: .*9+.* is no version"),
    ({"tables": []}, "it names no table of clips"),
    ({"tables": [1]}, "release.json is no release's"),
    ({"tables": ["data/clips-../../x.parquet"]}, r"data/clips-\.\./\.\./x\.parquet: not in SHA256SUMS"),
    ({"changes": "x"}, "release.json is no release's"),
    ({"removals": 0}, r"release.json: says 0 removals; removals.json has 1"),
)


def test_what_strangers_say_in_a_release_is_one_error(run: Run, tmp_path: Path) -> None:
    folder = made(run, remove=asked(tmp_path, "clip,b,,,")).made.folder
    whole = json.loads((folder / "release.json").read_text())
    for facts, said in STRANGE:
        told = {key: value for key, value in (whole | facts).items() if value is not None}
        (folder / "release.json").write_text(json.dumps(told))
        signed_anew(folder)
        with pytest.raises(UsageError, match=said):
            verify_release(folder)


def test_tables_and_removals_of_strangers_are_one_error(run: Run, tmp_path: Path) -> None:
    folder = made(run, remove=asked(tmp_path, "clip,b,,,")).made.folder
    table, held = folder / "data" / "clips-00000.parquet", folder / "removals.json"
    whole, before = table.read_bytes(), held.read_text()
    for removed, said in (
        ('[{"kind": "clip", "key": 5}]', "entry 1: key: a text; it came as 5"),
        ('[{"kind": "clip", "key": "a", "start": "x"}]', "entry 1: start: a number; it came as 'x'"),
        ("[]", "release.json: says 1 removal; removals.json has 0"),
    ):
        held.write_text(removed)
        signed_anew(folder)
        with pytest.raises(UsageError, match=said):
            verify_release(folder)
    held.unlink()
    signed_anew(folder)
    with pytest.raises(UsageError, match=r"removals.json: not in SHA256SUMS"):
        verify_release(folder)
    held.write_text(before)
    for content in (b"no table", None):
        if content is None:
            pq.write_table(pq.read_table(pa.BufferReader(whole)).drop(["digest"]), table)
        else:
            table.write_bytes(content)
        signed_anew(folder)
        with pytest.raises(UsageError, match=r"data/clips-00000.parquet cannot be read as a release's"):
            verify_release(folder)


def test_files_that_changed_places_are_named_even_where_digests_were_made_anew(run: Run, tmp_path: Path) -> None:
    cut, sources = a_cut(run, tmp_path)
    folder = made(run, clips=cut, sources=sources).made.folder
    a, b = folder / "clips" / "a.mp4", folder / "clips" / "b.mp4"
    a.rename(folder / "x")
    b.rename(a)
    (folder / "x").rename(b)
    signed_anew(folder)
    said = r"2 faults:\n  clip a: by its digest, another file than clips/a.mp4\n  clip b: "
    with pytest.raises(UsageError, match=said):
        verify_release(folder)


# licences


def test_the_ledger_has_sources_and_no_name_twice() -> None:
    folder = Path(rights.__file__).parent
    for name in ("licences.csv", "sources.csv"):
        with (folder / name).open(encoding="utf-8", newline="") as file:
            table = list(csv.DictReader(file))
        names: list[str] = []
        for row in table:
            page = row.get("source_page") or row["source"]
            assert page.startswith("https://"), row
            assert re.fullmatch(r"(2\d{3}-\d\d-\d\d)?", row["checked"]), row
            assert bool(row["checked"]) != ("page not opened" in row["note"]), row
            names += {each.strip().casefold() for each in (next(iter(row.values())), *row["names"].split("|"))}
            if "share" in row:
                flags = {row[key] for key in ("share", "change", "commercial", "alike", "attribution")}
                assert flags <= {"yes", "no"}, row
        assert len(names) == len(set(names)), [one for one in names if names.count(one) > 1]
    given = {one.licence for one in rights.sources().values() if one.licence}
    assert given <= {one.id for one in rights.licences().values()}


def test_videos_whose_licence_forbids_it_are_refused_with_their_names(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        made(run, licence="CC-BY-4.0", clips=tmp_path, territory="EU")
    text = str(caught.value)
    assert text.startswith("--licence CC-BY-4.0 does not allow this release:")
    assert "Pexels (2 clips, such as a, b): its videos may not be passed on (https://help.pexels.com" in text
    assert "not stated (1 clip, such as c): what it allows is not known" in text
    assert "CC-BY-4.0 (" not in text.replace("--licence CC-BY-4.0 ", "")
    assert not list(run.path.parent.glob("*hands-*"))


@pytest.mark.parametrize(
    ("theirs", "ours", "media", "why"),
    [
        ("CC-BY-NC-4.0", "CC-BY-4.0", True, "allows commercial use, which it does not"),
        ("CC-BY-NC-4.0", "CC-BY-NC-4.0", True, ""),
        ("CC-BY-SA-4.0", "CC-BY-4.0", True, "under the same licence alone"),
        ("CC-BY-SA-4.0", "CC-BY-SA-4.0", True, ""),
        ("CC-BY-ND-4.0", "CC-BY-4.0", True, "pieces of its videos may not be passed on"),
        ("YouTube", "CC-BY-4.0", True, "its videos may not be passed on"),
        ("YouTube", "CC-BY-4.0", False, ""),
        ("my own words", "CC-BY-4.0", True, "what it allows is not known"),
        ("my own words", "CC-BY-4.0", False, ""),
        ("CC0", "CC-BY-4.0", True, ""),
    ],
)
def test_what_goes_with_what(theirs: str, ours: str, media: bool, why: str) -> None:
    found = rights.refusals(rights.licence_named(ours), [(theirs, 3, ["a"])], (), media=media)
    assert bool(found) == bool(why)
    assert all(why in str(one) for one in found)


def test_models_that_may_not_be_used_so_are_named(run: Run) -> None:
    facts = yaml.safe_load(run.caption_file.read_text())
    entry = {
        "id": "Qwen/Qwen2.5-VL-3B-Instruct",
        "used_by": ["caption"],
        "licence": "Qwen Research",
        "use": "non-commercial",
    }
    run.caption_file.write_text(yaml.safe_dump(facts | {"models": [entry]}))
    with pytest.raises(
        UsageError, match=r"Qwen/Qwen2.5-VL-3B-Instruct: CC-BY-4.0 allows commercial use; Qwen Research does"
    ):
        made(run, licence="CC-BY-4.0")
    assert "| Qwen/Qwen2.5-VL-3B-Instruct | caption |" in (made(run).made.folder / "README.md").read_text()


def test_clips_that_may_not_be_used_where_it_is_offered_are_named(run: Run) -> None:
    changed = run.clips.read(0)
    for row, place in zip(changed, (["EU", "UK"], "Worldwide", "us"), strict=True):
        row["meta"] = json.dumps({"Territory": place})
    run.clips.write(0, changed)
    for place, named in (("UK", {"c"}), ("US,EU", {"a", "c"}), ("eu", {"c"})):
        with pytest.raises(UsageError) as refused:
            made(run, territory=place)
        told = re.findall(r"territory .*? \(1 clip, such as (\w)\): the list does not have it for", str(refused.value))
        assert set(told) == named
    changed[2]["meta"] = "{}"
    run.clips.write(0, changed)
    assert rows(made(run, territory="EU").made.folder)["a"]["territory"] == '["EU","UK"]'


def test_sources_that_one_answers_for(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("source,licence\nbasement,MIT licence\n")
    with pytest.raises(UsageError, match=r"own.csv, line 2, column licence: 'MIT licence' is not in the ledger"):
        made(run, sources=path)
    changed = run.clips.read(0)
    changed[2]["source"] = "Basement"
    run.clips.write(0, changed)
    path.write_text("source,licence\nbasement,CC BY 4.0\n")
    assert rows(made(run, sources=path).made.folder)["c"]["licence"] == "CC-BY-4.0"


# bad input


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"licence": "CC-BY-5.0"}, "--licence CC-BY-5.0: not in the ledger.*did you mean"),
        ({"version": "1.0"}, "--version: three numbers, such as 1.0.0; it came as '1.0'"),
        ({"name": "a/b"}, "--name: letters, digits"),
        ({"creator": " "}, "--creator: a text"),
        ({"contact": ""}, "--contact: a text"),
        ({"since": Path("/no/release")}, "--since /no/release: no release"),
        ({"clips": Path("/no/cut")}, "--clips /no/cut: no such folder"),
        ({"question": "sharp"}, "--question sharp: .*hands has no annotations"),
        ({"remove": Path("/no/list.csv")}, "cannot read /no/list.csv"),
    ],
)
def test_bad_input_writes_nothing(run: Run, words: dict[str, Any], said: str) -> None:
    before = sorted(path.name for path in run.path.parent.iterdir())
    with pytest.raises(UsageError, match=said):
        made(run, **words)
    assert sorted(path.name for path in run.path.parent.iterdir()) == before


def test_a_release_is_never_written_over(run: Run) -> None:
    folder = made(run).made.folder
    with pytest.raises(UsageError, match="is there already; a release is never written over"):
        made(run)
    verify_release(folder)


def test_a_disk_that_is_full_leaves_nothing_half_written(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("hoigen.dataset.release.describe.eu_summary", full)
    with pytest.raises(UsageError, match="cannot be written: No space left on device"):
        made(run)
    assert [path.name for path in run.path.parent.iterdir()] == ["hands"]


def test_everything_removed_is_one_error_and_holds_on(run: Run, tmp_path: Path) -> None:
    lines = [f"clip,{name},,," for name in "abcde"]
    said = "has no clip to release: removals take out every one; what --remove asks for is kept in .*removals.json"
    with pytest.raises(UsageError, match=said):
        made(run, remove=asked(tmp_path, *lines))
    assert removals.gone(run) == set("abcde")
    with pytest.raises(UsageError, match=r"removals take out every one$"):
        made(run)


def test_clips_that_are_not_decided_yet_are_told(run: Run) -> None:
    path = run.path / "scores" / "motion" / ("0" * 12) / "00001.parquet"
    pq.write_table(pq.read_table(path).filter(pa.array([True, False, True])), path)
    said = str(made(run))
    assert "note: 1 clip is not decided yet, and not in it: hoigen curate " in said


def test_a_number_that_is_named_like_another_column_has_its_measure_before_it(run: Run) -> None:
    from hoigen.core.score import Number
    from hoigen.dataset.release.index import column_of

    assert column_of(Number(name="fps"), "metadata") == "metadata_fps"
    assert column_of(Number(name="motion"), "motion") == "motion"
    facts = yaml.safe_load(run.recipe_file.read_text())
    facts["measured"]["motion"]["numbers"] = [
        {"name": "motion", "label": "Motion", "unit": "px", "about": "How | far."}
    ]
    run.recipe_file.write_text(yaml.safe_dump(facts))
    folder = made(run).made.folder
    assert "| `motion` | Motion, px: How \\| far. |" in (folder / "README.md").read_text()
    assert "Motion, px: How | far." in (folder / "croissant.json").read_text()


def test_paths_of_this_machine_are_told(run: Run) -> None:
    said = str(made(run))
    assert (
        "note: paths of this machine (5 clips, such as /videos/a.mp4) are all that tells where its videos lie" in said
    )
    for shard in (0, 1):
        changed = run.clips.read(shard)
        for row in changed:
            row["uri"] = f"https://example.org{row['uri']}"
        run.clips.write(shard, changed)
    assert "paths of this machine" not in str(made(run, version="1.0.1"))


def test_what_the_hub_lays_beside_a_release_is_none_of_its_files(run: Run) -> None:
    folder = made(run).made.folder
    (folder / ".gitattributes").write_text("*.mp4 filter=lfs\n")
    (folder / ".cache" / "huggingface" / "download").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "download" / "README.md.metadata").write_text("x")
    said = str(verify_release(folder))
    assert "is whole" in said
    assert said.endswith("not of the release, and not looked at: .gitattributes, .cache/huggingface")
    (folder / ".cache" / "other").write_text("x")
    with pytest.raises(UsageError, match=r"1 fault:\n  \.cache/other: not in SHA256SUMS"):
        verify_release(folder)


def test_releases_follow_each_other(run: Run, tmp_path: Path) -> None:
    old = made(run, version="1.9.0").made.folder
    for version in ("1.9.0", "1.8.0"):
        with pytest.raises(UsageError, match=f"--version {version}: not after 1.9.0, the version of --since"):
            made(run, version=version, since=old, out=tmp_path / "again")
    changed = run.clips.read(0)
    changed[1]["meta"] = json.dumps({"uploader": "Jo Doe"})
    run.clips.write(0, changed)
    new = made(run, version="1.10.0", since=old, remove=asked(tmp_path, "person,Jo Doe,,,")).made.folder
    with pytest.raises(UsageError, match=r"is version 1\.9\.0, which came before 1\.10\.0 .*the other way round"):
        verify_release(old, since=new)
    changes = verify_release(new, since=old).changes
    assert changes is not None
    assert changes.went == {"b": checking.REMOVED}, "by the tables alone nobody could tell"
    (run.path / removals.FILE).unlink()
    later = made(run, version="2.0.0").made.folder
    with pytest.raises(UsageError, match=r"removals.json: lacks 1 removal that 1\.10\.0 has"):
        verify_release(later, since=new)
    other = made(run, name="feet", version="1.0.0", since=old)
    assert "Against hands 1.9.0: 0 clips came, 0 went." in str(other)


def test_a_split_that_is_older_than_the_clips_is_refused(run: Run) -> None:
    split(run.path, validation=0.2)
    path = run.path / "split" / "split.parquet"
    pq.write_table(pq.read_table(path).filter(pa.array([True, True, True, False, False])), path)
    with pytest.raises(UsageError, match="has no part for 2 clips that are kept now; hoigen split"):
        made(run)


def test_from_the_command_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["release", str(run.path), "--licence", "CC-BY-4.0", "--creator", "Me", "--contact", "me@example.org"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "5 clips, 4 with a caption" in said
    folder = run.path.parent / "hands-1.0.0"
    assert main(["verify-release", str(folder)]) == 0
    assert "is whole: hands 1.0.0, 5 clips" in capsys.readouterr().out
    (folder / "README.md").write_text("")
    assert main(["verify-release", str(folder)]) == 2
    assert "README.md: changed" in capsys.readouterr().err
