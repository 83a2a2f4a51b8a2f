"""Training and validation parts of a dataset, no scene in both; and training clips that show what a test asks for."""

from __future__ import annotations

import hashlib
import json
import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.core.words import plural
from hoigen.data.files import Folder
from hoigen.data.parquet import rows_of_file, text
from hoigen.data.run import Run
from hoigen.dataset.statistics import categories_file
from hoigen.rules import decide, sets
from hoigen.rules.cascade import Step

if TYPE_CHECKING:
    import duckdb

    from hoigen.interactions.prompts.suite import Suite

TRAIN, VALIDATION = "train", "validation"
FACTS = b"hoigen.split"


@dataclass(frozen=True, slots=True)
class Leak:
    """A training clip that shows what a prompt asks for."""

    clip: str
    uri: str
    start: float
    end: float
    prompt: str
    asks: str


@dataclass(frozen=True, slots=True)
class Split:
    """How a dataset was parted.

    Args:
        path: the table: id, part, scene.
        clips: part -> clips.
        scenes: part -> scenes.
        joined: scenes of more than one video: they show the same, or are the same source video.
        leaks: what a suite asks for and training clips show; None where no suite was given.
        unasked: prompts of the suite without a verb and an object, which nothing can be matched with.
    """

    path: Path
    clips: dict[str, int]
    scenes: dict[str, int]
    joined: int
    leaks: tuple[Leak, ...] | None
    unasked: int


def path_of(run: Run) -> Path:
    """The file of a run's split."""
    return run.path / "split" / "split.parquet"


def parts_of(run: Run, ids: Sequence[str]) -> dict[str, str]:
    """Clip -> its part.

    Args:
        run: the run.
        ids: of clips that are kept.

    Raises UsageError where the run was not split, or since when other clips are kept.
    """
    import duckdb

    path = path_of(run)
    if not path.is_file():
        raise UsageError(f"{run.path} has no parts yet: hoigen split {run.path} makes them")
    check_current(run)
    query = f"select id, part from {rows_of_file(path)} where id in (select unnest(?::varchar[]))"
    with duckdb.connect() as con:
        found = dict(con.execute(query, [list(ids)]).fetchall())
    if lacking := len(set(ids) - found.keys()):
        raise UsageError(stale(run, lacking))
    return found


def stale(run: Run, lacking: int) -> str:
    """What is said where clips that are kept now have no part."""
    clips = plural(lacking, "clip that is", "clips that are")
    return f"{path_of(run)} has no part for {clips} kept now; {_again(run)} parts them anew"


def check_current(run: Run) -> None:
    """Raises UsageError where `hoigen duplicates` was run since a run was split: a scene may be in both parts."""
    now = _alike(run)
    if now is not None and _facts(run).get("near_duplicates", now) != now:
        raise UsageError(
            f"{path_of(run)}: hoigen duplicates was run since, and one scene may be in both parts; {_again(run)} parts "
            "the clips anew"
        )


def _alike(run: Run) -> str | None:
    """Digest of the rule of near-duplicates; None where there is none."""
    path = sets.path_of(run, "near_duplicates")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _facts(run: Run) -> dict[str, Any]:
    """How a run was split."""
    import pyarrow.parquet as pq

    told: dict[str, Any] = json.loads((pq.read_schema(path_of(run)).metadata or {}).get(FACTS, b"{}"))
    return told


def _again(run: Run) -> str:
    """The command that parts a run as it was parted."""
    how = _facts(run)
    options = [("--validation", how.get("share")), ("--seed", how.get("seed")), ("--column", how.get("column"))]
    words = [word for name, value in options if value is not None for word in (name, str(value))]
    return shlex.join(["hoigen", "split", str(run.path), *words])


def make(
    run: Run, steps: Sequence[Step], *, share: float, seed: int, column: str | None = None, suite: Suite | None = None
) -> Split:
    """Parts the kept clips by scene, and writes which clip is in which part.

    A scene is all clips of one video, of videos with the same content, of videos with the same value of `column`, and
    of videos that `hoigen duplicates` found to show the same. Scenes go to validation in an order that the seed draws,
    as long as the share allows.

    Args:
        run: the run.
        steps: its measures and rules.
        share: of the clips that are held out, 0..1.
        seed: of the order.
        column: a column of the list that names the source video, where files are pieces of one.
        suite: prompts; training clips whose interaction one asks for are named.

    Raises UsageError where nothing is kept, or nothing can be held out.
    """
    with decide.connect(run, steps) as con:
        con.execute(
            """create temp table kept as select id, uri, start, "end", video, digest, n from walked
            where state = 'kept' qualify row_number() over (partition by id order by video, n) = 1"""
        )
        scenes, joined = _scenes(con, run, column)
        if not scenes:
            raise UsageError(f"{run.path} keeps no clip: {decide.why_none(con, run.path)}")
        held = _held(scenes, share, seed)
        rows = [
            {"id": clip, "part": VALIDATION if scene in held else TRAIN, "scene": scene}
            for scene, clips in scenes.items()
            for clip in clips
        ]
        facts = {"share": share, "seed": seed, "column": column, "kept": len(rows)}
        facts["near_duplicates"] = _alike(run) or ""
        path = _write(run, rows, facts)
        clips = {part: sum(row["part"] == part for row in rows) for part in (TRAIN, VALIDATION)}
        found = _leaks(con, run, path, suite) if suite is not None else None
    counts = {TRAIN: len(scenes) - len(held), VALIDATION: len(held)}
    unasked = sum(not (prompt.verb and prompt.object) for prompt in suite.prompts) if suite is not None else 0
    return Split(path, clips, counts, joined, found, unasked)


def _scenes(con: duckdb.DuckDBPyConnection, run: Run, column: str | None) -> tuple[dict[str, list[str]], int]:
    """Scene -> clips, and how many scenes are of several videos. A scene is named after its first clip."""
    parents: dict[Any, Any] = {}

    def root(one: Any) -> Any:
        while parents.setdefault(one, one) != one:
            parents[one] = parents[parents[one]]
            one = parents[one]
        return one

    def join(one: Any, other: Any) -> None:
        parents[root(one)] = root(other)

    rows = con.execute("select id, uri, digest, video from kept order by video, n, id").fetchall()
    named = {}
    if column is not None:
        way = "/" + column.replace("~", "~0").replace("/", "~1")
        query = f"select id, json_extract_string(min(meta), {text(way)}) from clips group by id"
        named = {clip: value for clip, value in con.execute(query).fetchall() if value}
        if not named:
            raise UsageError(f"--column {column}: no clip has such a column of the list with a value")
    for clip, uri, digest, _ in rows:
        join(("clip", clip), ("uri", uri))
        if digest:
            join(("uri", uri), ("digest", digest))
        if clip in named:
            join(("uri", uri), ("column", named[clip]))
    alike = sets.path_of(run, "near_duplicates")
    if alike.is_file():  # dropped clips count too: what they show is in both of their videos
        pairs = con.execute(
            f"select s.grp, c.uri from {rows_of_file(alike)} s join (select distinct id, uri from clips) c using (id)"
        ).fetchall()
        for group, uri in pairs:
            join(("uri", uri), ("group", group))
    found: dict[Any, list[str]] = {}
    videos: dict[Any, set[str]] = {}
    for clip, uri, _, _ in rows:
        scene = root(("clip", clip))
        found.setdefault(scene, []).append(clip)
        videos.setdefault(scene, set()).add(uri)
    several = sum(len(uris) > 1 for uris in videos.values())
    return {clips[0]: clips for clips in found.values()}, several


def _held(scenes: dict[str, list[str]], share: float, seed: int) -> set[str]:
    total = sum(map(len, scenes.values()))
    room = math.floor(total * share + 0.5)

    def drawn(scene: str) -> bytes:
        return hashlib.blake2b(f"{seed}:{scene}".encode()).digest()

    held: set[str] = set()
    for scene in sorted(scenes, key=drawn):
        if len(scenes[scene]) <= room:
            held.add(scene)
            room -= len(scenes[scene])
    if not held or len(held) == len(scenes):
        largest = max(map(len, scenes.values()))
        raise UsageError(
            f"--validation {share:g}: nothing can be held out so that no scene is in both parts: "
            f"{plural(total, 'clip is', 'clips are')} "
            f"of {plural(len(scenes), 'scene')}, the largest of {plural(largest, 'clip')}"
        )
    return held


def _write(run: Run, rows: list[dict[str, str]], facts: dict[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    run.check_links()
    kinds = {"id": pa.string(), "part": pa.string(), "scene": pa.string()}
    schema = pa.schema(kinds, metadata={FACTS: json.dumps(facts)})
    path = path_of(run)
    with Folder(str(path.parent)).writing(path.name) as file:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), file)
    return path


def _leaks(con: duckdb.DuckDBPyConnection, run: Run, path: Path, suite: Suite) -> tuple[Leak, ...]:
    source = categories_file(run)
    if source is None:
        raise UsageError(f"--prompts: the run has no categories yet; hoigen categories {run.path} finds them")
    import pyarrow as pa

    asked = [
        {"verb": prompt.verb, "object": prompt.object, "prompt": prompt.id, "asks": prompt.short}
        for prompt in suite.prompts
        if prompt.verb and prompt.object
    ]
    if not asked:
        raise UsageError(f"--prompts: no prompt of {suite.name} names a verb and an object")
    con.register("asked", pa.Table.from_pylist(asked, pa.schema(dict.fromkeys(asked[0], pa.string()))))
    rows = con.execute(
        f"""select distinct k.id, k.uri, k.start, k."end", asked.prompt, asked.asks, k.video, k.n
        from {source} c join asked on c.hico_verb = asked.verb and c.hico_object = asked.object
        join {rows_of_file(path)} p on p.id = c.id and p.part = '{TRAIN}' join kept k on k.id = c.id
        order by k.video, k.n, asked.prompt"""
    ).fetchall()
    return tuple(Leak(*row[:6]) for row in rows)
