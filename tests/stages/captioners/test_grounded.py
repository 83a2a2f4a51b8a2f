"""Sentences from detections: what they may say, and that they are English."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fake_scripted import captioned, clip, talk_about
from hypothesis import given, settings
from hypothesis import strategies as st

from hoigen import video
from hoigen.core.clip import Clip
from hoigen.measures.hoi_lite import HoiLite
from hoigen.measures.motion import Motion
from hoigen.models.nets.imagenet import HANDLED
from hoigen.models.nets.ssd_coco import LABELS
from hoigen.stages.captioners import _sentences
from hoigen.stages.captioners._seen import Seen, seen_in
from hoigen.stages.captioners.grounded import Grounded
from looking import score_of as look

NAMES = sorted({*HANDLED.values(), *filter(None, LABELS)} - {"person"})

Facts = dict[str, Any]


def box(kind: str, *corners: float, score: float = 0.9, label: str = "") -> Facts:
    return {"kind": kind, "label": label or kind, "score": score, "box": list(corners)}


def frame(*boxes: Facts, contacts: tuple[tuple[str, float], ...] = (), likes: dict[str, float] | None = None) -> Facts:
    touched = [{"who": "person", "object": name, "score": score} for name, score in contacts]
    return {"boxes": list(boxes), "contacts": touched, "looks_like": likes or {}}


def facts(frames: list[Facts], name: str | None = None, contact: bool = False, motion: Facts | None = None) -> Facts:
    found: Facts = {"hoi_lite": {"value": 0.8, "detail": {"object": name, "contact": contact, "frames": frames}}}
    return {**found, "motion": motion} if motion else found


def moving(kind: str = "both", camera: float = 0.1, subject: float = 0.05, pan: tuple[float, float] = (0, 0),
           zoom: float = 0.0) -> Facts:  # fmt: skip
    pairs = {"zoom": [zoom] * 3, "pan": [list(pan)] * 3}
    return {
        "value": 0.1,
        "values": {"camera_motion": camera, "subject_motion": subject},
        "detail": {"kind": kind, "pairs": pairs},
    }


MIDDLE = box("person", 0.4, 0.2, 0.6, 0.8)
HAND = box("hand", 0.4, 0.4, 0.5, 0.5)


def caption_of(about: Facts) -> str | None:
    return captioned(Grounded(), talk_about(clip(), facts=about)).text


@pytest.mark.parametrize(
    ("about", "text"),
    [
        (facts([frame(MIDDLE)] * 4), "A person is seen in the middle of the picture."),
        (facts([frame(MIDDLE)]), "A person is seen in the middle of the picture."),
        (facts([frame(box("person", 0.0, 0.2, 0.4, 0.8))] * 4), "A person is seen on the left of the picture."),
        (facts([frame(box("person", 0.6, 0.0, 1.0, 1.0))] * 4),
         "A person is seen on the right of the picture, close to the camera."),
        (facts([frame(box("person", 0.4, 0.4, 0.5, 0.6))] * 4),
         "A person is seen in the middle of the picture, at some distance."),
        (facts([frame(MIDDLE, box("person", 0, 0, 0.1, 0.2))] * 4),
         "Two people are seen, the larger one in the middle of the picture."),
        (facts([frame(MIDDLE, *[box("person", 0, 0, 0.1, 0.2)] * 3)] * 4),
         "Several people are seen, the largest in the middle of the picture."),
        (facts([frame(MIDDLE, HAND)] * 4), "A person is seen in the middle of the picture. A hand is in view."),
        (facts([frame(HAND, HAND)] * 4), "Two hands are seen in the middle of the picture."),
        (facts([frame(MIDDLE, contacts=(("apple", 0.9),))] * 4, "apple", True),
         "A person is seen in the middle of the picture. "
         "The person appears to be in contact with what looks like an apple."),
        (facts([frame(MIDDLE, HAND, likes={"unicycle": 0.2})] * 4, "unicycle"),
         "A person is seen in the middle of the picture. A hand is in view, and so is what may be a unicycle."),
        (facts([frame(MIDDLE, likes={"scissors": 0.6})] * 4, "scissors"),
         "A person is seen in the middle of the picture. What looks like a pair of scissors is in view as well."),
        (facts([frame(HAND, contacts=(("dough", 0.2),))] * 4, "dough", True),
         "A hand is seen in the middle of the picture. It appears to be in contact with what may be dough."),
        (facts([frame(MIDDLE)] * 4, motion=moving("still")),
         "A person is seen in the middle of the picture. "
         "The camera stands still, and there is hardly any movement in the scene."),
    ],
)  # fmt: skip
def test_sentences(about: Facts, text: str) -> None:
    assert caption_of(about) == text


@pytest.mark.parametrize(
    ("motion", "words"),
    [
        (moving(camera=0.004, subject=0.01), "The camera stands still, and there is a little movement in the scene."),
        (moving(pan=(0.08, 0.0)), "The camera moves to the left, and there is some movement"),
        (moving(pan=(-0.08, 0.0)), "The camera moves to the right"),
        (moving(pan=(0.0, 0.08)), "The camera moves up"),
        (moving(pan=(0.0, -0.08)), "The camera moves down"),
        (moving(pan=(0.01, 0.01)), "The camera moves, and"),
        (moving(zoom=0.3), "The camera moves closer or zooms in"),
        (moving(zoom=-0.3), "The camera moves back or zooms out"),
        (moving(subject=0.4), "there is fast movement in the scene"),
    ],
)
def test_the_picture_moves_against_the_camera(motion: Facts, words: str) -> None:
    assert words in (caption_of(facts([frame(MIDDLE)] * 4, motion=motion)) or "")


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        ({}, "grounded needs what hoi_lite saw: add hoi_lite to the run's measures"),
        ({"hoi_lite": {"value": None, "detail": {"reason": "no frame"}}}, "grounded needs what hoi_lite saw"),
        (facts([frame()] * 4), "no person was seen"),
        (facts([frame(MIDDLE), frame(), frame(), frame()]), "no person was seen"),
        (facts([frame({**MIDDLE, "score": 0.4})] * 4), "no person was seen"),
        (facts([frame(box("object", 0.4, 0.4, 0.6, 0.6, label="cup"))] * 4, "cup"), "no person was seen"),
    ],
)
def test_no_caption_of_what_was_not_seen(about: Facts, reason: str) -> None:
    caption = captioned(Grounded(), talk_about(clip(), facts=about))
    assert caption.text is None
    assert caption.reason.startswith(reason)


def test_it_asks_nobody_and_has_no_experts() -> None:
    talk = talk_about(clip(), facts=facts([frame(MIDDLE)] * 4))
    captioned(Grounded(), talk)
    assert not talk.trace
    assert not Grounded().experts


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("apple", "an apple"),
        ("iPod", "an iPod"),
        ("oboe", "an oboe"),
        ("umbrella", "an umbrella"),
        ("unicycle", "a unicycle"),
        ("tv", "a TV"),
        ("Dutch oven", "a Dutch oven"),
        ("scissors", "a pair of scissors"),
        ("parallel bars", "a set of parallel bars"),
        ("mashed potatoes", "mashed potatoes"),
        ("dough", "dough"),
        ("abacus", "an abacus"),
    ],
)
def test_articles(name: str, words: str) -> None:
    assert _sentences.with_article(name) == words


def test_no_known_name_is_a_plural_with_an_article() -> None:
    single = re.compile(r"(?:ss|us|gas)$")
    for name in NAMES:
        words = _sentences.with_article(name)
        assert not words.endswith("s") or single.search(words) or words.startswith(("a pair", "a set", "mashed")), name


seen = st.builds(
    Seen,
    frames=st.just(8),
    persons=st.integers(0, 5),
    person_frames=st.integers(0, 8),
    hands=st.integers(0, 5),
    hand_frames=st.integers(0, 8),
    where=st.sampled_from(("on the left", "in the middle", "on the right")),
    near=st.booleans(),
    far=st.booleans(),
    object=st.none() | st.sampled_from(NAMES),
    likely=st.booleans(),
    contact=st.booleans(),
    camera=st.none()
    | st.sampled_from(
        ("stands still", "moves", "moves to the left", "moves to the right", "moves up", "moves down", "nears", "backs")
    ),
    pace=st.sampled_from(("hardly any movement", "a little movement", "some movement", "fast movement")),
).filter(lambda found: found.somebody)


@settings(max_examples=200, deadline=None)
@given(seen)
def test_whatever_was_seen_is_told_in_english(found: Seen) -> None:
    text = _sentences.caption_of(found)
    sentences = re.split(r"(?<=\.) ", text)
    assert 1 <= len(sentences) <= 3
    for sentence in sentences:
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert sentence.count(".") == 1
    assert not re.search(r"\s\s|\s[.,]|,,|None|True|False", text)
    assert not re.search(r"\ba [aeio]|\ban [^aeioui]|\ba a\b|\bthe the\b", text, re.IGNORECASE)
    assert not re.search(r"\b(?:he|she|his|her|man|woman|boy|girl)\b", text, re.IGNORECASE)
    for subject, verb in re.findall(
        r"\b(A person|Two people|Several people|A hand|Two hands|Several hands) (is|are)\b", text
    ):
        assert verb == ("is" if subject.startswith("A ") else "are")
    assert ("what looks like" in text.lower() or "what may be" in text.lower()) == (found.object is not None)
    assert ("in contact" in text) == (found.contact and found.object is not None)
    if found.object:
        assert _sentences.with_article(found.object) in text
    assert text == _sentences.caption_of(found)
    assert len(_sentences.evidence_of(found).splitlines()) == (6 if found.camera else 4)


boxes = st.builds(
    lambda kind, score, x, y, w, h: box(kind, x, y, min(1.0, x + w), min(1.0, y + h), score=score),
    st.sampled_from(("person", "hand", "object")), st.floats(0.3, 1), st.floats(0, 0.9), st.floats(0, 0.9),
    st.floats(0.01, 1), st.floats(0.01, 1),
)  # fmt: skip
frames = st.lists(st.builds(lambda some: frame(*some), st.lists(boxes, max_size=4)), min_size=1, max_size=8)


@settings(max_examples=100, deadline=None)
@given(frames, st.none() | st.sampled_from(NAMES), st.booleans())
def test_any_detections_give_words_or_a_reason(some: list[Facts], name: str | None, contact: bool) -> None:
    about = facts(some, name, contact)
    caption = captioned(Grounded(), talk_about(clip(), facts=about))
    found = seen_in(about)
    assert found is not None
    assert (caption.text is not None) == found.somebody
    assert found.persons <= max(sum(b["kind"] == "person" for b in f["boxes"]) for f in some)
    json.dumps(dict(caption.detail), allow_nan=False)


def test_on_a_real_clip(shared_clips: Path) -> None:
    name = "AvVDsFBc6bA.0.mp4"
    header = video.probe(str(shared_clips / name))
    about = Clip(
        id=name, uri=header.uri, end=min(4.0, header.duration), width=header.width, height=header.height, fps=25
    )
    looks, moves = HoiLite(), Motion()
    seen_frames = video.decode(about, [looks.sampling, moves.sampling])
    stream = moves.begin(about)
    shown = seen_frames[moves.sampling]
    for image, at in zip(shown.images, shown.times, strict=True):
        stream.see(image, float(at))
    whole = seen_frames[looks.sampling]
    scores = {"hoi_lite": look(looks, about, whole.images, whole.times), "motion": stream.score()}
    known = {
        measure: {"value": score.value, "values": {measure: score.value, **score.parts}, "detail": score.detail}
        for measure, score in scores.items()
    }
    text = caption_of(known)
    assert text is not None
    assert text.startswith("A person is seen in the middle of the picture")
    assert "in contact with what looks like dough" in text
    assert "The camera " in text
