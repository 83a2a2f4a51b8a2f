"""SAM 3 as an observer: its true architecture, tiny and at random; and what is made of masks, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tiny_hoi

from hoigen.core.clip import Clip
from hoigen.core.errors import SetupError
from hoigen.measures.fine_hoi import FineHoi
from hoigen.models import cards
from hoigen.observe import sam3
from hoigen.observe.frame import Person
from hoigen.observe.masks import Mask
from hoigen.observe.sam3 import LANDMARKS, Sam3, outline_of, surest, with_hands
from looking import score_of
from render import texture

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

PICTURES = np.stack([texture(seed, (48, 64)) for seed in range(5)])


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def observer(tmp_path_factory: pytest.TempPathFactory) -> Sam3:
    folder = tmp_path_factory.mktemp("models")
    tiny_hoi.sam3(folder / "sam3")
    tiny_hoi.vitpose(folder / "vitpose")
    made = Sam3(model=str(folder / "sam3"), points=str(folder / "vitpose"), device="cpu", batch=2)
    made.load()
    return made


def clip(**meta: str) -> Clip:
    return Clip(id="0", uri="/v.mp4", end=1.0, width=64, height=48, fps=5, meta=meta)


def watched(observer: Sam3, count: int = 5, **meta: str) -> sam3._Watching:
    watching = observer.begin(clip(**meta), FineHoi().sampling)
    for at, image in enumerate(PICTURES[:count]):
        watching.see(image, at / 5)
    return watching


def test_every_frame_has_masks_of_the_asked_words_alone(observer: Sam3) -> None:
    watching = watched(observer, object="cup")
    assert list(watching.labels) == ["person", "hand", "cup"], "what SAM 3 is asked for, in words"
    frames = watching.finish()
    assert len(frames) == len(PICTURES)
    seen = [thing for frame in frames for thing in frame.things or ()]
    assert {thing.label for thing in seen} <= {"cup"}
    assert seen, "the model at random sees something"
    assert any(frame.persons for frame in frames)
    for thing in seen:
        height, width = thing.mask.pixels.shape
        assert 0 <= thing.box[0] < thing.box[2] == thing.box[0] + width <= 64, "in pixels of the picture"
        assert 0 <= thing.box[1] < thing.box[3] == thing.box[1] + height <= 48
        assert thing.mask.source == "sam3"
        assert 0 <= thing.score <= 1


def test_it_is_a_stream_whose_memory_stays_bounded(observer: Sam3) -> None:
    watching = watched(observer, object="cup")
    assert len(watching.session.processed_frames) == 1
    assert all(len(kept["non_cond_frame_outputs"]) <= 4 for kept in watching.session.output_dict_per_obj.values())


def test_the_same_clip_is_seen_alike_and_another_word_is_another_question(observer: Sam3) -> None:
    first, again = (watched(observer, 3, object="cup").finish() for _ in range(2))
    assert first.rows == again.rows
    assert observer.question(clip(verb="hold", object="cup")) == "object: cup"
    assert observer.question(clip(verb="hold", object="harp")) != observer.question(clip(object="cup"))
    assert list(watched(observer, 1).labels.values()) == ["person", "hand", "thing"], "of none, what is held"


def test_fine_hoi_goes_by_it(observer: Sam3) -> None:
    spec = {"sam3": {"model": observer.model, "points": observer.points, "device": "cpu", "batch": 2}}
    score = score_of(
        FineHoi(observer=spec), clip(verb="hold", object="cup"), PICTURES, [at / 5 for at in range(len(PICTURES))]
    )
    assert score.detail["observer"] == "sam3"
    assert len(score.detail["models"]) == 2, "both are named with the score"


def test_another_model_is_refused(tmp_path: Path) -> None:
    tiny_hoi.vitpose(tmp_path / "vitpose")
    other = Sam3(model=str(tmp_path / "vitpose"), points=str(tmp_path / "vitpose"), device="cpu")
    with pytest.raises(SetupError, match="it can be sam3_video"):
        other.load()
    with pytest.raises(ValueError, match="points: a folder"):
        Sam3(points="")


def disc(x: float, y: float, wide: float, tall: float) -> Mask:
    rows, columns = np.mgrid[0 : round(2 * tall) + 1, 0 : round(2 * wide) + 1]
    inside = ((columns - wide) / wide) ** 2 + ((rows - tall) / tall) ** 2 <= 1
    return Mask(pixels=inside, left=round(x - wide), top=round(y - tall), source="sam3")


def test_a_hand_is_points_along_its_outline() -> None:
    outline = outline_of(disc(100, 50, 20, 8))
    assert outline is not None
    assert outline.shape == (LANDMARKS, 2)
    across = ((outline - (100, 50)) / (20, 8)) ** 2
    assert np.sqrt(across.sum(axis=1)) == pytest.approx(1.0, abs=0.2)
    assert abs(outline[0][0] - 100) > 18, "the first is an end of its length, from which a hand is measured"
    assert outline_of(Mask(pixels=np.ones((1, 1), bool), left=0, top=0, source="x")) is None


def test_hands_go_to_who_has_them_and_one_alone_is_a_person() -> None:
    people = [Person(box=(0, 0, 100, 200), points={"nose": (50, 20)}), Person(box=(200, 0, 300, 200))]
    found = with_hands(people, [(0.9, disc(50, 100, 10, 6)), (0.8, disc(250, 50, 10, 6)), (0.7, disc(400, 90, 10, 6))])
    assert [len(person.hands) for person in found] == [1, 1, 1]
    assert found[2].hand_only
    assert found[2].score == 0.7
    assert surest([("hand", 0.2, disc(1, 1, 1, 1)), ("cup", 0.9, disc(1, 1, 1, 1))], "hand")[0][0] == 0.2


def test_its_card_says_under_which_terms() -> None:
    [card] = [card for card in cards._HUB_CARDS if card.id == "facebook/sam3"]
    assert "SAM License" in card.licence
    assert card.use != "anyone"
