"""What is seen is written and read back whole; and what is read again is what a new look would say."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_observer import SOURCE

from hoi_world import World, breaks, seen_in
from hoigen import Clip
from hoigen.core.clip import Sampling
from hoigen.core.errors import UsageError
from hoigen.core.trusted import trust
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.measures.fine_hoi import FineHoi
from hoigen.measures.hoi_lite import HoiLite
from hoigen.models import files
from hoigen.models.fingerprint import fingerprint
from hoigen.observe.detections import Knows, Pair
from hoigen.observe.frame import Detection, ObservedFrame, Person, Region, SeenHand, Somebody, Thing
from hoigen.observe.lines import frame_of, frame_row
from hoigen.observe.masks import Mask
from hoigen.observe.observation import About, FrameRows, Looking, Observation, Written, about_of, about_row, observe
from hoigen.observe.recordings import head_row, line_row
from hoigen.recipe.build import make
from hoigen.video import decode, probe
from looking import observed, score_of

SIZE = (640, 360)
CHANCE = np.random.default_rng(7)


def near(one: Any, other: Any, pixels: float = 1e-3) -> None:
    """Equal but for what is rounded when it is written."""
    assert np.asarray(one, float) == pytest.approx(np.asarray(other, float), abs=pixels)


def any_box() -> tuple[float, float, float, float]:
    (x0, x1), (y0, y1) = np.sort(CHANCE.random((2, 2)), axis=1)
    return float(x0), float(y0), float(x1), float(y1)


def whole_frame() -> ObservedFrame:
    """A frame with something in every field of everything."""
    ball = CHANCE.random((40, 30)) > 0.4
    mask = Mask(pixels=ball, left=600, top=-10, source="followed, grabcut")
    hand = CHANCE.random((21, 2)) * SIZE
    points = {"nose": (3.25, 4.5), "left_wrist": (611.123, 5.0)}
    return ObservedFrame(
        time=1.234567,
        size=SIZE,
        persons=[
            Person(box=(1.5, 2.25, 100.125, 300.0), points=points, hands=[hand], score=0.7),
            Person(box=(5.0, 5.0, 9.0, 9.0), hands=[hand, hand], score=0.6),
            Person(box=(5.0, 5.0, 9.0, 9.0)),
        ],
        things=[Thing(label="sports_ball", score=0.9, box=(600.0, -10.0, 630.0, 30.0), mask=mask)],
        pairs=[
            Pair(person=any_box(), box=any_box(), object="cup", score=0.5, verbs={"hold": 0.25, "wash": 0.0}),
            Pair(object="violin", score=1.0, verbs={}),
            Pair(person=any_box(), box=any_box(), object="car", score=0.125, telling=False),
        ],
        boxes=[Detection(label="sports ball", score=0.75, box=any_box())],
        hands=[SeenHand(score=0.5, palm=0.25, points=[tuple(point / SIZE) for point in hand])],
        regions=[Region(of="hand", who=any_box(), box=any_box(), names={"cell phone": 0.5, "cup": 1 / 3})],
        somebody=[Somebody(box=any_box(), score=0.5, by=("body", "hand"), animal=0.25)],
        grasped=[Detection(label="cup", score=0.0625, box=any_box())],
    )


def test_every_field_comes_back() -> None:
    frame = whole_frame()
    row = json.loads(json.dumps(frame_row(frame), allow_nan=False))
    back = frame_of(row, "here", SIZE, row["time"], own=True)
    assert all(getattr(back, field.name) is not None for field in fields(ObservedFrame)), "each was filled"
    assert (back.time, back.size) == (frame.time, SIZE)
    for person, same in zip(frame.persons or (), back.persons or (), strict=True):
        near(person.box, same.box)
        near([person.score], [same.score], 1e-6)
        assert person.points.keys() == same.points.keys()
        near(list(person.points.values()), list(same.points.values()))
        assert len(person.hands) == len(same.hands)
        near(person.hands, same.hands)
        assert person.hand_only == same.hand_only
    [thing], [read] = frame.things or (), back.things or ()
    assert (read.label, read.box, read.mask.source) == ("sports_ball", thing.box, "followed, grabcut")
    assert in_picture(read.mask).sum() > 50
    assert (in_picture(read.mask) == in_picture(thing.mask)).all(), "what lies outside of the picture is cut off"
    for pair, same in zip(frame.pairs or (), back.pairs or (), strict=True):
        assert (pair.object, pair.telling, pair.verbs is None) == (same.object, same.telling, same.verbs is None)
        assert (pair.person is None, pair.box is None) == (same.person is None, same.box is None)
        assert (same.score, same.verbs) == (pair.score, pair.verbs)
        near(pair.person or (), same.person or (), 1e-5)
        near(pair.box or (), same.box or (), 1e-5)
    [found], [again] = frame.boxes or (), back.boxes or ()
    assert (again.label, again.score) == (found.label, found.score)
    near(found.box, again.box, 1e-5)
    [hand], [held] = frame.hands or (), back.hands or ()
    assert (held.score, held.palm) == (hand.score, hand.palm)
    near(hand.points, held.points, 1e-5)
    [region], [place] = frame.regions or (), back.regions or ()
    assert (place.of, dict(place.names)) == ("hand", {"cell phone": 0.5, "cup": pytest.approx(1 / 3, abs=1e-6)})
    [somebody], [one] = frame.somebody or (), back.somebody or ()
    assert (one.score, one.by, one.animal) == (somebody.score, ("body", "hand"), 0.25)
    near(somebody.box, one.box, 1e-5)
    [grasped], [kept] = frame.grasped or (), back.grasped or ()
    assert (kept.label, kept.score) == (grasped.label, grasped.score)
    near(grasped.box, kept.box, 1e-5)
    near(region.who, place.who, 1e-5)
    near(region.box, place.box, 1e-5)
    assert frame_row(back) == row, "what was written once stays as it is"


def in_picture(mask: Mask) -> np.ndarray:
    picture = np.zeros((SIZE[1] + 200, SIZE[0] + 200), bool)
    tall, wide = mask.pixels.shape
    picture[mask.top + 100 : mask.top + 100 + tall, mask.left + 100 : mask.left + 100 + wide] = mask.pixels
    return picture[100:-100, 100:-100]


def test_what_was_not_looked_for_is_not_what_was_not_there() -> None:
    frame = ObservedFrame(time=0.0, size=SIZE, boxes=[], persons=[])
    back = frame_of(frame_row(frame), "here", SIZE, 0.0, own=True)
    assert (back.boxes, back.persons) == ([], [])
    assert (back.things, back.pairs, back.hands, back.regions) == (None, None, None, None)


@pytest.mark.parametrize(
    "about",
    [
        About(observer="a"),
        About(
            observer="a", theta=0.3, knows=Knows(objects=None, verbs=None), models=({"name": "m", "licence": "MIT"},)
        ),
        About(observer="a", knows=Knows(objects=frozenset({"cup"}), verbs=frozenset({"hold"}), any_verb=True)),
        make("observer", "lite", "observer").about,
    ],
)
def test_who_has_looked_comes_back(about: About) -> None:
    written = Written(question="", reason="why", about=json.dumps(about_row(about)), frames="[]")
    assert written.read().about == about_of(about_row(about)) == about
    assert (written.read().reason, len(written.read().frames)) == ("why", 0)


def test_frames_are_read_one_at_a_time() -> None:
    rows = FrameRows.of(whole_frame() for _ in range(3))
    assert len(rows) == len(rows[1:]) + 1 == 3
    assert [frame.time for frame in rows] == [1.234567] * 3
    assert rows[-1].boxes == rows[0].boxes or len(rows[-1].boxes or ()) == 1


WORLD = World(size=(320, 180), fps=12, seconds=3, touching=breaks(2, 3.0), jitter=0.015, dropped=0.1, tall=0.8)


def clip_of(**meta: Any) -> Clip:
    return Clip(id="0", uri="/some/where/a.mp4", end=3.0, width=320, height=180, fps=12, meta=meta)


SETTINGS: list[dict[str, Any]] = [
    {"variant": "binary"},
    {"follow": "nearest"},
    {"follow": "several", "people": 2},
    {"bridge": 0.0},
    {"least_presence": 0.99, "undefined": "one"},
]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("verb", ["hold", "kick", "watch", None])
def test_other_settings_of_fine_hoi_read_the_same_observation(settings: dict[str, Any], verb: str | None) -> None:
    """From the defaults to other settings and back: what was seen stays as it was."""
    seen, clip = seen_in(WORLD), clip_of(verb=verb, object=WORLD.label)
    first = FineHoi().read(clip, seen)
    other = FineHoi(**settings).read(clip, seen)
    assert other == FineHoi(**settings).read(clip, seen_in(WORLD)), "as a new look says"
    assert FineHoi().read(clip, seen) == first == FineHoi().read(clip, seen_in(WORLD))


@pytest.fixture(scope="module")
def ride() -> tuple[Clip, list[np.ndarray], list[float]]:
    """Three frames of a man on a bicycle."""
    header = probe(str(files.locate("sample_bikes").path))
    clip = Clip(id="0", uri="/some/where/a.mp4", start=3.0, end=5.4, width=header.width, height=header.height, fps=25)
    frames = decode(replace(clip, uri=header.uri), [Sampling(frames=3, short_side=360)])
    [found] = frames.values()
    return clip, list(found.images), [float(at) for at in found.times]


@pytest.fixture(scope="module")
def seen_by_lite(ride: tuple[Clip, list[np.ndarray], list[float]]) -> Observation:
    return observed(CoarseHoi(), *ride)


@pytest.mark.parametrize("theta", [None, 0.1])
@pytest.mark.parametrize("meta", [{}, {"object": "bicycle"}, {"verb": "hold", "object": "person"}])
def test_coarse_hoi_reads_any_theta_and_prompt(
    seen_by_lite: Observation, ride: tuple[Clip, list[np.ndarray], list[float]], theta: Any, meta: dict[str, str]
) -> None:
    measure, clip = CoarseHoi(theta=theta), replace(ride[0], meta=meta)
    again = measure.read(clip, seen_by_lite)
    assert again == score_of(measure, clip, *ride[1:])
    assert again.detail["area"]["coarse_any"] > 0.2


def test_measures_name_their_own_settings_alone() -> None:
    assert CoarseHoi().identity == {"theta": None}
    assert HoiLite().identity == {}
    assert "observer" not in FineHoi().identity
    for measure in (CoarseHoi, FineHoi, HoiLite):
        assert not {"networks", "models", "load", "reach", "attach", "begin", "__call__"} & set(vars(measure))


def export(path: Path, about: About, gives: frozenset[str], frames: FrameRows, start: float = 0.0) -> Path:
    rows = [head_row(about, gives), *(line_row("a.mp4", start, row) for row in frames.rows)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_what_is_exported_scores_as_it_did(tmp_path: Path) -> None:
    seen, clip = seen_in(WORLD), clip_of(verb="hold", object=WORLD.label)
    assert isinstance(seen.frames, FrameRows)
    path = export(tmp_path / "world.jsonl", seen.about, frozenset({"persons", "things"}), seen.frames)
    by_file, first = score_of(FineHoi(observer={"recorded": {"file": path}}), clip), FineHoi().read(clip, seen)
    assert (by_file.value, by_file.parts) == (first.value, first.parts)
    assert first.value is not None
    assert by_file.detail["pairs"] == first.detail["pairs"]


def test_what_small_models_saw_can_be_exported_too(
    tmp_path: Path, seen_by_lite: Observation, ride: tuple[Clip, list[np.ndarray], list[float]]
) -> None:
    assert isinstance(seen_by_lite.frames, FrameRows)
    gives = CoarseHoi().looking.observer.gives
    path = export(tmp_path / "lite.jsonl", seen_by_lite.about, gives, seen_by_lite.frames, start=3.0)
    recorded, clip = {"recorded": {"file": path}}, replace(ride[0], meta={"object": "bicycle"})
    for old, new in (
        (CoarseHoi(), CoarseHoi(observer=recorded, frames=3)),
        (HoiLite(), HoiLite(observer=recorded, sampling=Sampling(frames=3))),
    ):
        again, before = score_of(new, clip), old.read(clip, seen_by_lite)
        assert (again.value, again.parts) == (before.value, before.parts)
        assert again.detail["frames"] == before.detail["frames"]
        number = before.value if isinstance(old, HoiLite) else before.parts["coarse_pair"]  # no verb is asked
        assert number is not None
        assert number > 0.3


@pytest.mark.parametrize(
    ("measure", "spec", "said"),
    [
        (
            "fine_hoi",
            "lite",
            r"lite gives persons, boxes, .*, grasped; fine_hoi needs persons and things.*masks: true",
        ),
        ("fine_hoi", "two_stage", "two_stage gives pairs; fine_hoi needs persons and things"),
        ("coarse_hoi", "models", "models gives persons, things; coarse_hoi needs pairs, or boxes and hands.*two_stage"),
        (
            "hoi_lite",
            {"lite": {"names": False}},
            "lite gives persons, boxes, .*; hoi_lite needs boxes and hands and regions",
        ),
    ],
)
def test_an_observer_that_does_not_give_what_is_needed(measure: str, spec: Any, said: str) -> None:
    with pytest.raises(UsageError, match=rf"measures\.{measure}\.observer: {said}"):
        make("measure", {measure: {"observer": spec}}, "measures")


@pytest.mark.parametrize(
    ("measure", "settings", "said"),
    [
        ("coarse_hoi", {"detector": "two_stage", "theta": 0.1}, "observer: two_stage"),
        ("coarse_hoi", {"detector": {"mllm": {"expert": "x"}}}, r"observer: \{mllm: \{expert: x\}\}"),
        (
            "coarse_hoi",
            {"detections": "f.jsonl", "slack": 0.5},
            r"observer: \{recorded: \{file: f.jsonl, slack: 0.5\}\}",
        ),
        ("fine_hoi", {"reader": "models", "batch": 2}, r"reader, batch are now .*: observer: \{models: \{batch: 2\}\}"),
        ("fine_hoi", {"reader": "models"}, "observer: models"),
        ("fine_hoi", {"reader": "recorded", "recording": "s"}, r"observer: \{recorded: \{file: s\}\}"),
        ("fine_hoi", {"reader": "light"}, r"observer: \{lite: \{bodies: true, masks: true, names: false\}\}"),
    ],
)
def test_settings_of_before_are_told_as_they_are_written_now(measure: str, settings: Any, said: str) -> None:
    with pytest.raises(UsageError, match=f"{measure}: .*{said}"):
        make("measure", {measure: settings}, "measures")


def test_lite_looks_without_being_asked_and_gives_what_is_asked_of_it() -> None:
    lite = make("observer", {"lite": {"bodies": True, "masks": True}}, "observer")
    assert lite.gives == {"boxes", "hands", "regions", "persons", "things", "somebody", "grasped"}
    assert lite.question(clip_of(verb="hold", object="cup")) == ""
    whole, part = (make("observer", {"lite": {"masks": on}}, "observer") for on in (True, False))
    assert fingerprint(whole) != fingerprint(part)


def test_an_observer_of_ones_own_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "red_apples.py"
    path.write_text(SOURCE)
    trust(path)
    measure = CoarseHoi(observer={str(path): {"least": 0.5}}, frames=2)
    red, grey = np.zeros((2, 90, 160, 3), np.uint8)
    red[20:60, 40:120, 0] = 255
    score = score_of(measure, clip_of(object="apple"), [red, grey], [0.5, 1.5])
    assert score.parts["coarse_pair"] == 0.5
    assert score.value is None, "no verb is asked"
    assert score.detail["observer"] == "red_apples"
    looking = measure.looking
    assert observe(Looking(looking.observer, Sampling(frames=1)), clip_of(), [grey], [0.5]).frames[0].pairs == []
