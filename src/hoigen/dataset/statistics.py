"""What a dataset holds, in numbers: figures 3 and 5 and table 1 of HOIGen-1M, of the clips that a run keeps.

DuckDB counts; nothing here holds a row per clip, so that a million clips take no more memory than a thousand.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from hoigen.core.errors import UsageError
from hoigen.data.parquet import quoted, rows_of_file, text
from hoigen.data.run import Run
from hoigen.interactions.categories.people import VIEWS
from hoigen.interactions.markup import MARKED, without_markup
from hoigen.rules import decide, sets
from hoigen.rules.cascade import Step
from hoigen.stages.captioned import captions_in_force

if TYPE_CHECKING:
    import duckdb

PAPER_LENGTHS: Mapping[str, float] = {"WebVid-10M": 12.0, "Panda-70M": 13.2, "HOIGen-1M": 153.8}
"""Mean words of a caption. Source: HOIGen-1M, section 3.2, "Text Analysis"; the caption of figure 5 says 152."""
PAPER_OBJECTS, PAPER_ACTIONS = 15_000, 7_000
"""Source: HOIGen-1M, figure 5: "over 15,000 objects and over 7,000 interaction action types"."""
LONG = 50
"""Mean words from which table 1 calls captions long; the paper names no bound, its short ones have 12 and 13."""
CLASSES = (0, 240, 360, 480, 720, 1080, 1440, 2160)
"""Short sides, in pixels, at which classes of resolution begin."""
MOTION = ("motion", "unimatch_flow")
"""Measures of motion, the first that the run has."""
BARS = 40
COMMONEST = 40
"""Words, objects and actions that are named."""
RANKS = 400
"""Points of a long tail."""
MATRIX = 24
"""Actions, and objects, of the matrix."""
STOP = frozenset(
    """a about above after again all along also although an and another any are around as at away back be because been
    before behind being below beside between both but by can down during each either else for from further had has have
    he her here hers herself him himself his how i if in into is it its itself just like more most near next no not now
    of off on once one only onto or other others out over own same she slightly so some such than that the their them
    themselves then there these they this those through throughout to together too towards toward two under until up
    upon very was we well were what when where which while who whose why will with within without would you your
    appears appear seems seem video scene clip shows showing shown seen visible""".split()  # noqa: SIM905
)
"""Words that say nothing of what is shown."""
WORD = r"[\p{L}][\p{L}'’-]*"


@dataclass(frozen=True, slots=True)
class Spread:
    """How numbers are spread.

    Args:
        count: how many there are.
        mean: of them; None where there are none.
        median: likewise.
        low: the least that is drawn, and where the first bar begins.
        width: of a bar.
        bars: how many fall into each; what lies outside is in the first or the last.
    """

    count: int
    mean: float | None
    median: float | None
    low: float
    width: float
    bars: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What there is of one kind: objects, actions, words.

    Args:
        kinds: how many different ones.
        total: how often any occurs.
        commonest: the commonest, each with how many clips have it (of words: how often it occurs).
        tail: (rank, how often), evenly spaced in the logarithm of the rank.
        once: how many occur once.
    """

    kinds: int
    total: int
    commonest: tuple[tuple[str, int], ...]
    tail: tuple[tuple[int, int], ...]
    once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All that is told of a dataset. What a run does not know is None, and `missing` says what would tell it.

    Args:
        name: of the run.
        asked: clips of the run, however they ended.
        clips: those that are kept; everything below is of them.
        videos: from how many videos.
        seconds: of footage.
        interactions: kind of interaction -> clips (figure 3).
        durations: in seconds (figure 3).
        resolutions: class of the short side, in pixels -> clips (figure 3).
        motion: of the measure `motion_of` (figure 3).
        motion_of: its name and unit.
        captions: clips with a caption.
        lengths: words of a caption (figure 5).
        words: of captions, without those that say nothing (figure 5).
        objects: of interactions (figure 5).
        actions: likewise.
        pairs: different pairs of an action and an object.
        growth: (clips, objects, actions, pairs) that so many clips, drawn at random, name.
        matrix: actions, objects, and how many clips have both.
        sources: source -> (clips, seconds).
        licences: licence -> clips.
        funnel: rule -> (came, dropped, failed).
        groups: rules about groups of clips, by name, with what they were made with.
        balance: group -> (clips that come to the rule, clips that stay), the largest first.
        verified: clips that a person said yes of, of those that anybody was asked about.
        table: rows of table 1, ours last.
        missing: what is not known, with what to run.
        removed: clips that would be kept, had nobody asked for them to be taken out.
    """

    name: str
    asked: int
    clips: int
    videos: int
    seconds: float
    interactions: Mapping[str, int] | None
    durations: Spread
    resolutions: Mapping[str, int]
    motion: Spread | None
    motion_of: str
    captions: int
    lengths: Spread | None
    words: Terms | None
    objects: Terms | None
    actions: Terms | None
    pairs: int | None
    growth: tuple[tuple[int, int, int, int], ...]
    matrix: tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[int, ...], ...]] | None
    sources: Mapping[str, tuple[int, float]]
    licences: Mapping[str, int]
    funnel: Mapping[str, tuple[int, int, int]]
    groups: Mapping[str, Mapping[str, Any]]
    balance: tuple[tuple[str, int, int], ...]
    verified: tuple[int, int] | None
    table: tuple[Mapping[str, str], ...]
    missing: tuple[str, ...]
    removed: int = 0


IN_LIST = """select k.id, trim(c.prompt) as text from kept k join clips c on c.video = k.video and c.n = k.n
    where trim(coalesce(c.prompt, '')) <> ''"""
"""SQL: the captions that came with the list, of the clips of `kept`."""


def statistics(run: Run, steps: Sequence[Step], question: str | None = None, *, listed: bool = False) -> Statistics:
    """Counts the clips that a run keeps.

    Args:
        run: the run.
        steps: its measures and rules.
        question: of the annotations that say whether a clip is kept; `keep`, `human`, `good` or the only one, when not
            given.
        listed: the captions are those of the input list, not those of `hoigen caption`.

    Raises UsageError when nothing is kept, or people were asked several questions and none is named.
    """
    missing: list[str] = []
    with decide.connect(run, steps) as con:
        con.execute("create temp table settled as select id, state, video, n, shard from walked")
        asked, removed = _one(con, "select count(*) from settled"), decide.removed_count(con)
        con.execute(
            """create temp table kept as select w.* exclude (reason) from walked w where state = 'kept'
            qualify row_number() over (partition by id order by video, n) = 1"""
        )
        clips, videos, seconds = con.execute(
            """select count(*), count(distinct video), coalesce(fsum("end" - start), 0) from kept"""
        ).fetchone() or (0, 0, 0.0)
        if not clips:
            raise UsageError(f"{run.path} keeps no clip: {decide.why_none(con, run.path)}")
        con.execute(
            """create temp table sized as select k.id, least(c.width, c.height) as side, c.meta
            from kept k join clips c on c.video = k.video and c.n = k.n"""
        )
        funnel = decide.funnel(con, steps, run=run.path)
        facts = {rule.name: rule.facts for rule in sets.rules_of(run)}
        sources = con.execute(
            """select coalesce(nullif(source, ''), 'not named'), count(*), fsum("end" - start) from kept
            group by 1 order by 2 desc, 1"""
        ).fetchall()
        licences = con.execute(
            """select coalesce(nullif(trim(json_extract_string(meta, '$.licence')), ''),
                nullif(trim(json_extract_string(meta, '$.license')), ''), 'not stated'), count(*)
            from sized group by 1 order by 2 desc, 1"""
        ).fetchall()
        found: dict[str, Any] = {
            "durations": _spread(con, '"end" - start', "kept"),
            "resolutions": _classes(con),
            "sources": {name: (many, settled(seconds)) for name, many, seconds in sources},
            "licences": dict(licences),
            **_motion(con, steps, missing),
            **_captions(con, run, missing, listed=listed),
            **_categories(con, run, missing),
            "balance": _balance(con, run, steps) if "balance" in facts else (),
            "verified": _verified(con, run, question),
        }
        lowest = _one(con, "select min(side) from sized where side > 0")
    table = (*paper_rows(), _our_row(run, clips, seconds, lowest, found))
    stages = {stage.name: (stage.came, stage.dropped, stage.failed) for stage in funnel.stages}
    return Statistics(
        name=run.path.resolve().name, asked=asked, clips=clips, videos=videos, seconds=settled(seconds), funnel=stages,
        groups=facts, table=table, missing=tuple(missing), removed=removed, **found,
    )  # fmt: skip


def as_json(found: Statistics) -> str:
    """The statistics as JSON, each field by its name."""
    import dataclasses

    return json.dumps(dataclasses.asdict(found), ensure_ascii=False, indent=1) + "\n"


def paper_rows() -> tuple[Mapping[str, str], ...]:
    """Table 1 of HOIGen-1M, its own row included: the paper's cells as they are printed."""
    file = resources.files("hoigen.dataset").joinpath("table1.csv").read_text(encoding="utf-8")
    return tuple(csv.DictReader(file.splitlines()))


def _one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    rows = con.execute(query).fetchall()
    return rows[0][0] if rows else None


def settled(value: float) -> float:
    """A sum or mean of many as it is written: 12 digits, since the order in which threads add moves the last ones."""
    return float(f"{value:.12g}")


def _spread(con: duckdb.DuckDBPyConnection, value: str, source: str, whole: bool = False) -> Spread | None:
    """How an expression is spread over the rows of a table; None where it has no value.

    Args:
        con: the connection.
        value: SQL.
        source: the table.
        whole: bars are as wide as whole numbers.
    """
    row = con.execute(
        f"""select count(v), favg(v), median(v), quantile_cont(v, 0.005), quantile_cont(v, 0.995), min(v), max(v)
        from (select {value} as v from {source}) where isfinite(v)"""
    ).fetchone()
    if row is None or not row[0]:
        return None
    count, mean, median, low, high, least, most = row
    low, high = (least, most) if count < 400 else (low, high)
    low = 0.0 if 0 <= low < 0.5 * high else float(low)
    width = nice((high - low) / BARS or 1.0, whole)
    low = width * (low // width)
    bars = max(1, int((high - low) // width) + 1)
    rows = con.execute(
        f"""select greatest(0, least({bars - 1}, floor((v - {low!r}) / {width!r})))::integer as bar, count(*)
        from (select {value} as v from {source}) where isfinite(v) group by bar"""
    ).fetchall()
    counted = dict(rows)
    return Spread(count, settled(mean), float(median), low, width, tuple(counted.get(at, 0) for at in range(bars)))


def nice(width: float, whole: bool = False) -> float:
    """The least of 1, 2, 2.5 or 5 times a power of ten that is not less.

    Args:
        width: more than 0.
        whole: a whole number, 1 or more.
    """
    import math

    unit = 10.0 ** math.floor(math.log10(width))
    found = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= width * 0.999)
    return max(1.0, float(math.ceil(found))) if whole else found


def _classes(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    rows = con.execute("select side, count(*) from sized group by side").fetchall()
    counts = dict.fromkeys(CLASSES, 0)
    unknown = 0
    for side, many in rows:
        if side and side > 0:
            counts[max(bound for bound in CLASSES if bound <= side)] += many
        else:
            unknown += many
    named = {f"{bound}p" if bound else f"under {CLASSES[1]}p": many for bound, many in counts.items() if many}
    return named | ({"not known": unknown} if unknown else {})


def _motion(con: duckdb.DuckDBPyConnection, steps: Sequence[Step], missing: list[str]) -> dict[str, Any]:
    numbers = {number.name: number for step in steps for number in step.numbers}
    name = next((name for name in MOTION if name in numbers), None)
    if name is None:
        missing.append("motion: the run has not measured it (add `motion` to its measures)")
        return {"motion": None, "motion_of": ""}
    found = _spread(con, quoted(name), "kept")
    if found is None:
        missing.append(f"motion: no kept clip has a value of {name}")
    return {"motion": found, "motion_of": numbers[name].heading}


def _captions(con: duckdb.DuckDBPyConnection, run: Run, missing: list[str], *, listed: bool = False) -> dict[str, Any]:
    table = captions_in_force(run)
    there = _one(con, f"select count(*) from ({IN_LIST})")
    clips = _one(con, "select count(*) from kept")
    way = f"{there} of the list: hoigen stats {run.path} --captions list counts those"
    if listed:
        con.execute(f"create temp table told as {IN_LIST}")
        if there < clips:
            missing.append(f"captions: {clips - there} of {clips} kept clips have none in the input list")
        if not there:
            return {"captions": 0, "lengths": None, "words": None}
    elif table is None or not table.shards():
        missing.append(f"captions: none yet (hoigen caption {run.path}{f'; {way}' if there else ''})")
        return {"captions": 0, "lengths": None, "words": None}
    else:
        con.execute(
            f"""create temp table told as select id, min(text) as text from {table.layout().relation()}
            where text is not null and id in (select id from kept) group by id"""
        )
    many = _one(con, "select count(*) from told")
    if many < clips and not listed and table is not None:
        tried = _one(
            con,
            f"""select count(distinct id) from {table.layout().relation()}
            where text is null and id in (select id from kept) and id not in (select id from told)""",
        )
        asks = [f"hoigen caption {run.path}"] if clips - many > tried else []
        asks += [f"{tried} failed: hoigen caption {run.path} --retry asks again"] if tried else []
        missing.append(f"captions: {clips - many} of {clips} kept clips have none ({'; '.join(asks)})")
    con.create_function("without_markup", without_markup, ["VARCHAR"], "VARCHAR")
    con.execute(
        f"""create or replace temp table told as select id,
            case when regexp_matches(text, {text(MARKED.pattern)}) then without_markup(text) else text end as text
        from told"""
    )
    con.execute(
        r"""create temp table words as select word, count(*)::bigint as many from (
            select unnest(regexp_extract_all(lower(text), '"""
        + WORD.replace("'", "''")
        + r"""')) as word from told
        ) group by word"""
    )
    stop = ", ".join(text(word) for word in sorted(STOP))
    found = _terms(con, f"select word as name, many from words where word not in ({stop}) and length(word) > 1")
    lengths = _spread(con, "len(regexp_split_to_array(trim(text), '\\s+'))", "told", whole=True)
    return {"captions": many, "lengths": lengths, "words": found}


def _terms(con: duckdb.DuckDBPyConnection, query: str) -> Terms | None:
    """Of a query with the columns name and many."""
    con.execute(
        f"""create or replace temp table ranked as
        select name, many, row_number() over (order by many desc, name) as place from ({query})"""
    )
    kinds, total, once = con.execute(
        "select count(*), coalesce(sum(many), 0), count(*) filter (many = 1) from ranked"
    ).fetchone() or (0, 0, 0)
    if not kinds:
        return None
    top = con.execute(f"select name, many from ranked where place <= {COMMONEST} order by place").fetchall()
    spaced = sorted({round(kinds ** (at / RANKS)) for at in range(RANKS + 1)})  # evenly, in the logarithm
    places = ", ".join(map(str, spaced))
    tail = con.execute(f"select place, many from ranked where place in ({places}) order by place").fetchall()
    return Terms(kinds, int(total), tuple((name, int(many)) for name, many in top), tuple(tail), once)


def categories_file(run: Run) -> str | None:
    """SQL of the rows of `hoigen categories`; None when it has not run."""
    path = run.path / "categories" / "categories.parquet"
    return rows_of_file(path) if path.is_file() else None


def _categories(con: duckdb.DuckDBPyConnection, run: Run, missing: list[str]) -> dict[str, Any]:
    source = categories_file(run)
    nothing: dict[str, Any] = dict.fromkeys(("interactions", "objects", "actions", "pairs", "matrix"))
    if source is None:
        missing.append(f"interactions, objects, actions: none yet (hoigen categories {run.path})")
        return nothing | {"growth": ()}
    con.execute(
        f"""create temp table done as select distinct id, action, object, interaction from {source}
        where id in (select id from kept)"""
    )
    kinds = dict(
        con.execute(
            """select coalesce(kind, 'none found'), count(*)
            from kept left join (select id, min(coalesce(interaction, 'not told')) as kind from done group by id)
            using (id) group by 1"""
        ).fetchall()
    )
    ordered = {name: kinds.pop(name) for name in (*VIEWS, "not told", "none found") if name in kinds} | kinds
    objects = _terms(con, "select object as name, count(distinct id) as many from done group by object")
    actions = _terms(con, "select action as name, count(distinct id) as many from done group by action")
    pairs = _one(con, "select count(*) from (select distinct action, object from done)")
    return {
        "interactions": ordered, "objects": objects, "actions": actions, "pairs": pairs, "growth": _growth(con),
        "matrix": _matrix(con, objects, actions) if objects and actions else None,
    }  # fmt: skip


def _growth(con: duckdb.DuckDBPyConnection) -> tuple[tuple[int, int, int, int], ...]:
    """How many names so many clips have, in an order by chance that stays: the digest of their ids."""
    con.execute(
        """create temp table drawn as select id, row_number() over (order by md5(id)) as nth from kept;
        create temp table named as select d.nth, action, object from done join drawn d using (id)"""
    )
    firsts = {
        key: con.execute(f"select min(nth) as nth from named group by {by} order by nth").fetchall()
        for key, by in (("objects", "object"), ("actions", "action"), ("pairs", "action, object"))
    }
    clips = _one(con, "select count(*) from kept")
    points = sorted({round(clips ** (at / 60)) for at in range(61)})
    import bisect

    counted = {key: [at for (at,) in rows] for key, rows in firsts.items()}
    return tuple((at, *(bisect.bisect_right(rows, at) for rows in counted.values())) for at in points)


def _matrix(con: duckdb.DuckDBPyConnection, objects: Terms, actions: Terms) -> Any:
    rows = con.execute(
        f"""with a as (select action from done group by all order by count(distinct id) desc, action limit {MATRIX}),
            o as (select object from done group by all order by count(distinct id) desc, object limit {MATRIX})
        select action, object, count(distinct id) from done
        where action in (select action from a) and object in (select object from o) group by all"""
    ).fetchall()
    counts = {(act, thing): many for act, thing, many in rows}
    verbs = [name for name in dict(actions.commonest) if any(act == name for act, _ in counts)][:MATRIX]
    things = [name for name in dict(objects.commonest) if any(thing == name for _, thing in counts)][:MATRIX]
    cells = tuple(tuple(int(counts.get((act, thing), 0)) for thing in things) for act in verbs)
    return tuple(verbs), tuple(things), cells


def _balance(con: duckdb.DuckDBPyConnection, run: Run, steps: Sequence[Step]) -> tuple[tuple[str, int, int], ...]:
    """Of each group of the rule `balance`, how many clips come to it and how many stay; the largest groups."""
    decide.beside(con, run, steps, "unbalanced", without=("balance",))
    rows = con.execute(
        f"""select s.grp, count(*), count(*) filter (s.id in (select id from kept))
        from {rows_of_file(sets.path_of(run, "balance"))} s
        where s.id in (select id from unbalanced.walked where state = 'kept') group by 1 order by 2 desc, 1
        limit {COMMONEST}"""
    ).fetchall()
    return tuple((name, came, stay) for name, came, stay in rows)


def _verified(con: duckdb.DuckDBPyConnection, run: Run, question: str | None) -> tuple[int, int] | None:
    from hoigen.data.annotations import verdicts

    found = verdicts(run.path, question)
    if found is None:
        return None
    yes, split = found.yes_no()
    kept = {name for (name,) in con.execute("select id from kept").fetchall()}
    return sum(value for clip, value in yes.items() if clip in kept), len(kept & {*yes, *split})


def _our_row(run: Run, clips: int, seconds: float, lowest: int | None, found: Mapping[str, Any]) -> dict[str, str]:
    lengths, verified = found["lengths"], found["verified"]
    words = "N/A"
    if lengths is not None:
        words = f"{'Long' if lengths.mean >= LONG else 'Short'} ({lengths.mean:.0f} words)"
    checked = "no"
    if verified is not None and verified[0]:
        checked = "yes" if verified[0] == clips else f"{100 * verified[0] / clips:.0f} % of the clips"
    side = max((bound for bound in CLASSES if lowest and bound <= lowest), default=0)
    return {
        "dataset": run.path.resolve().name,
        "videos": short(clips),
        "hours": short(seconds / 3600),
        "resolution": f"{side}p+" if side else f"{lowest}p" if lowest else "not known",
        "scenario": "HOI",
        "caption": words,
        "checked": checked,
        "note": "ours, counted",
    }


def short(number: float) -> str:
    """A number as table 1 has them: 35K, 1.1M, 0.25."""
    for size, sign in ((1e6, "M"), (1e3, "K")):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + sign
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.2g}"
