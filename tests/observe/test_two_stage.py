"""The two-stage detector on real architectures, tiny and at random, against the same sums done by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tiny_clip
import tiny_hoi

from hoigen.core.clip import Clip
from hoigen.core.errors import SetupError, UsageError
from hoigen.core.registry import names_of
from hoigen.interactions import hico
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.models.fingerprint import fingerprint
from hoigen.observe import verbs as wording
from hoigen.observe.boxes import ALIKE, apart, candidates
from hoigen.observe.frame import Detection
from hoigen.observe.two_stage import TwoStage
from looking import frames_of, score_of

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
TIMES = [0.5, 1.5, 2.5]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "boxes": str(tiny_hoi.rt_detr(folder / "boxes", ("person", "cup", "sports ball", "bicycle"))),
        "words": str(tiny_hoi.grounding_dino(folder / "words")),
        "clip": str(tiny_clip.clip(folder / "clip")),
        "siglip": str(tiny_clip.siglip(folder / "siglip")),
    }


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    chance = np.random.default_rng(3)
    rough = chance.integers(0, 256, (3, 6, 8, 3)).astype(np.uint8)
    return np.stack([np.kron(each, np.ones((20, 20, 1), np.uint8)) for each in rough])


def clip(**meta: str) -> Clip:
    return Clip(id="0", uri="/v.mp4", end=3.0, width=160, height=120, fps=10, meta=meta)


def detector(models: dict[str, str], verbs: str = "clip", **settings: Any) -> TwoStage:
    return TwoStage(boxes=models["boxes"], verbs=models[verbs], threshold=0.3, device="cpu", **settings)


def by_hand(models: dict[str, str], kind: str, image: np.ndarray, box: tuple[float, ...], texts: list[str]) -> Any:
    """The chances of texts for the square around a box, with transformers' own model, without hoigen's code."""
    from PIL import Image
    from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

    side = max(2, round(1.1 * max(box[2] - box[0], box[3] - box[1])))
    left, top = round((box[0] + box[2] - side) / 2), round((box[1] + box[3] - side) / 2)
    ground = Image.new("RGB", (side, side), tuple(int(each) for each in image.mean((0, 1))))
    ground.paste(Image.fromarray(image), (-left, -top))
    model = AutoModel.from_pretrained(models[kind]).eval()
    pixels = AutoImageProcessor.from_pretrained(models[kind], backend="pil")(images=ground, return_tensors="pt")
    words = AutoTokenizer.from_pretrained(models[kind])
    padding = "max_length" if kind == "siglip" else True
    tokens = words(texts, return_tensors="pt", padding=padding, truncation=True)
    given = {name: tokens[name] for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        said = model(pixel_values=pixels["pixel_values"], **given).logits_per_image[0]
    return said.sigmoid() if kind == "siglip" else said.softmax(0)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_verbs_are_those_of_the_model_times_the_boxes(models: dict[str, str], images: np.ndarray, kind: str) -> None:
    find = detector(models, kind)
    frames = frames_of(find, clip(), list(images), TIMES)
    pairs = [(at, pair) for at, frame in enumerate(frames) for pair in frame.pairs or ()][::7]
    assert len(pairs) > 3
    for at, pair in pairs:
        verbs = [each.verb for each in hico.pairs() if each.object == pair.object and each.verb != "no_interaction"]
        verbs.append("no_interaction")
        corners = [(box[0] * 160, box[1] * 120, box[2] * 160, box[3] * 120) for box in (pair.person, pair.box)]
        one, other = corners
        around = min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
        texts = [wording.sentence(verb, pair.object) for verb in verbs]
        chances = by_hand(models, kind, images[at], around, texts)
        assert pair.verbs is not None
        assert list(pair.verbs) == verbs
        expected = [float(chance) * pair.score**2.8 for chance in chances]
        assert list(pair.verbs.values()) == pytest.approx(expected, rel=2e-3, abs=1e-6)


def test_frames_in_one_call_and_one_by_one_are_alike(models: dict[str, str], images: np.ndarray) -> None:
    find = detector(models, batch=3)
    together = [frame.pairs or () for frame in frames_of(find, clip(), list(images), TIMES)]
    for at, image in enumerate(images):
        [frame] = frames_of(find, clip(), [image], [0.5])
        alone = frame.pairs or ()
        assert [pair.object for pair in alone] == [pair.object for pair in together[at]]
        for one, other in zip(alone, together[at], strict=True):
            assert one.verbs == pytest.approx(other.verbs, abs=1e-5)


def test_the_measure_takes_it_by_name(models: dict[str, str], images: np.ndarray) -> None:
    assert set(names_of("observer")) >= {"lite", "two_stage"}
    spec = {"two_stage": {"boxes": models["boxes"], "verbs": models["clip"], "threshold": 0.3}}
    measure = CoarseHoi(observer=spec, theta=0.0001)
    score = score_of(measure, clip(verb="hold", object="cup"), images, TIMES)
    assert score.value is not None
    assert score.detail["observer"] == "two_stage"
    assert {entry["licence"] for entry in score.detail["weights"]} == {"not known"}
    other = CoarseHoi(observer={"two_stage": {**spec["two_stage"], "power": 1.0}})
    assert fingerprint(other.looking.observer) != fingerprint(measure.looking.observer)
    asked = score_of(measure, clip(verb="hold", object="violin"), images, TIMES)
    assert asked.value is None
    assert "no object 'violin'" in asked.detail["undefined"]["coarse_hoi"]


def test_a_detector_of_words_looks_for_what_was_asked(models: dict[str, str], images: np.ndarray) -> None:
    find = TwoStage(boxes=models["words"], verbs=models["clip"], threshold=0.01, device="cpu")
    frames = frames_of(find, clip(verb="tune", object="violin"), list(images), TIMES)
    pairs = [pair for frame in frames for pair in frame.pairs or ()]
    assert {pair.object for pair in pairs} <= {"person", "violin"}
    told = [pair for pair in pairs if pair.object == "violin"]
    assert told
    assert set(told[0].verbs or ()) == {"tune", "no_interaction"}
    assert find.about.knows is not None
    assert find.about.knows.objects is None


@pytest.mark.parametrize(
    ("boxes", "meta", "question"),
    [
        ("boxes", {}, ""),
        ("boxes", {"verb": "hold", "object": "cup"}, ""),
        ("boxes", {"object": "cup"}, ""),
        ("boxes", {"verb": "no_interaction", "object": "cup"}, ""),
        ("boxes", {"verb": "juggle", "object": "cup"}, "verb: juggle, object: cup"),
        ("boxes", {"verb": "hold"}, "verb: hold"),
        ("words", {}, ""),
        ("words", {"verb": "hold", "object": "cup"}, "object: cup"),
        ("words", {"verb": "tune", "object": "violin"}, "verb: tune, object: violin"),
    ],
)
def test_the_question_is_what_the_pairs_depend_on(
    models: dict[str, str], boxes: str, meta: dict[str, str], question: str
) -> None:
    assert TwoStage(boxes=models[boxes], verbs=models["clip"]).question(clip(**meta)) == question


def test_one_question_is_one_answer(models: dict[str, str], images: np.ndarray) -> None:
    """What is asked of the clip changes the pairs where the question says so, and nowhere else."""
    find = detector(models)

    def said(**meta: str) -> list[Any]:
        return [frame.pairs for frame in frames_of(find, clip(**meta), list(images), TIMES)]

    assert said() == said(verb="hold", object="cup") == said(verb="ride", object="bicycle")
    things = {pair.object for pairs in said() for pair in pairs or ()}
    assert len(things) > 1
    thing = min(things)
    asked = [pair for pairs in said(verb="juggle", object=thing) for pair in pairs or ()]
    assert {pair.object for pair in asked if "juggle" in (pair.verbs or {})} == {thing}
    assert all("hold" in (pair.verbs or {}) for pairs in said(verb="hold") for pair in pairs or ())


def test_sentences() -> None:
    assert wording.sentence("ride", "bicycle") == "A person is riding a bicycle."
    assert wording.sentence("no_interaction", "apple") == "A person is near an apple, without touching it."
    assert wording.sentence("hold", "violin") == "A person is holding a violin."
    assert wording.sentence("play", "violin") == "A person is playing a violin."
    assert wording.sentence("juggle", "oud") == "A person can be seen to juggle an oud."
    assert wording.allowed("cup", "juggle")[-2:] == ("juggle", "no_interaction")
    assert "ride" not in wording.allowed("cup")


def found(label: str, score: float, x: float) -> Detection:
    return Detection(label=label, score=score, box=(x, 0.0, x + 10, 10.0))


def test_pairs_are_all_ordered_ones_of_the_surest_boxes() -> None:
    boxes = [found("person", 0.9, 0), found("person", 0.5, 50), found("cup", 0.8, 5), found("cup", 0.1, 90)]
    made = candidates(boxes, 0.2, 0, 15)
    assert {(person.score, thing.score) for person, thing in made} == {(0.9, 0.8), (0.5, 0.8), (0.9, 0.5), (0.5, 0.9)}
    assert len(candidates(boxes, 0.2, 2, 15)) == 6, "two things, though one is not sure"
    assert len(candidates(boxes, 0.2, 0, 1)) == 1


def test_boxes_that_are_one_are_one() -> None:
    same = [found("cup", 0.4, 1), found("cup", 0.9, 0), found("bowl", 0.3, 0)]
    assert [(each.label, each.score) for each in apart(same, ALIKE)] == [("cup", 0.9), ("bowl", 0.3)]


def test_the_square_around_a_box() -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:20, 0:30] = 255
    square = wording.crop(image, (0, 10, 30, 20))
    assert square.shape == (33, 33, 3)
    assert (square[:, 2] > 0).any()
    assert square[0, 0, 0] == int(image.mean()), "beyond the picture, its mean"


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"threshold": 0}, "threshold"), ({"power": -1}, "power"), ({"most": 0}, "most"), ({"dtype": "int8"}, "dtype")],
)
def test_bad_settings_are_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        TwoStage(**settings)


def test_bad_observers_are_told(models: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"measures\.coarse_hoi\.observer: unknown observer 'two_stages'"):
        CoarseHoi(observer="two_stages")
    with pytest.raises(SetupError, match=r"verbs: .* is a model of type 'rt_detr'; it can be clip, siglip"):
        TwoStage(boxes=models["boxes"], verbs=models["boxes"]).load()
