"""hoigen's own measures ask the process that owns the models, and score what they score with models of their own."""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="extra [models]: make test brings it")

import golden_unimatch  # noqa: E402
import seeded  # noqa: E402
import tiny_clip  # noqa: E402
import tiny_hoi  # noqa: E402
from sides import DATA, clip_of, score_of  # noqa: E402

from hoigen.core.clip import Clip, Frames  # noqa: E402
from hoigen.core.contracts import Loads  # noqa: E402
from hoigen.models import room  # noqa: E402
from hoigen.models.host import Host  # noqa: E402
from hoigen.models.room import RemoteNetwork  # noqa: E402
from hoigen.recipe.yaml import load_recipe, recipe_path  # noqa: E402
from hoigen.rules.cascade import build_steps  # noqa: E402
from hoigen.stages.captioners.detectors import Detectors  # noqa: E402
from hoigen.stages.engine import models_of, setup_models, setup_scorer  # noqa: E402
from looking import score_of as look  # noqa: E402
from render import texture  # noqa: E402

pytestmark = pytest.mark.timeout(300)
VBENCH = {
    "subject_consistency": "dino",
    "background_consistency": "clip_b32",
    "aesthetic_quality": "clip_l14",
    "imaging_quality": "musiq",
    "motion_smoothness": "amt",
    "overall_consistency": "viclip",
}
CUP = {"verb": "hold", "object": "cup"}


@pytest.fixture(scope="module")
def measures(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """All measures with networks, on tiny ones."""
    folder = tmp_path_factory.mktemp("weights")
    specs: list[Any] = []
    for name, model in VBENCH.items():
        torch.save(seeded.tensors(model), folder / f"{model}.pth")
        specs.append({name: {"checkpoint": str(folder / f"{model}.pth"), "device": "cpu"}})
    torch.save(seeded.tensors("laion"), folder / "laion.pth")
    specs[2]["aesthetic_quality"]["head"] = str(folder / "laion.pth")
    layout = json.loads(golden_unimatch.LAYOUT.read_text())
    flow = {name: torch.from_numpy(np.asarray(golden_unimatch.array(name, shape))) for name, shape in layout.items()}
    torch.save({"model": flow}, folder / "flow.pth")
    specs.append({"unimatch_flow": {"checkpoint": str(folder / "flow.pth"), "device": "cpu"}})
    for make in (tiny_hoi.rt_detr, tiny_hoi.sam2, tiny_hoi.vitpose):
        make(folder / make.__name__)
    tiny_clip.clip(folder / "clip")
    boxes = str(folder / "rt_detr")
    two_stage = {"boxes": boxes, "verbs": str(folder / "clip"), "threshold": 0.3, "device": "cpu"}
    specs.append({"coarse_hoi": {"observer": {"two_stage": two_stage}, "theta": 0.001}})
    read = {"boxes": boxes, "masks": str(folder / "sam2"), "points": str(folder / "vitpose"), "threshold": 0.4}
    specs.append({"fine_hoi": {"observer": {"models": {"device": "cpu", **read}}}})
    return specs


def numbers(measure: Any) -> dict[str, Any]:
    """What a measure says of a short clip."""
    if measure.name in VBENCH:
        return {"value": score_of(measure, "uneven", "a person holds a cup").value}
    images = np.stack([texture(at // 2, (96, 128)) for at in range(4)])
    clip = Clip(id="0", uri="/v.mp4", end=2.0, width=128, height=96, fps=2, meta=CUP)
    if hasattr(measure, "looking"):
        score = look(measure, clip, images, np.arange(4) / 2)
    else:
        score = measure(clip, Frames(images, np.arange(4) / 2))
    return {"value": score.value, **score.parts}


def test_every_measure_scores_alike_here_and_there(measures: list[Any]) -> None:
    steps = build_steps(measures, {})
    here = {step.name: numbers(step.measure) for step in steps}
    assert sum(row["value"] is not None for row in here.values()) >= len(steps) - 1
    with Host(functools.partial(setup_models, measures), load_deadline=120, deadline=120) as host:
        host.start()
        fresh = build_steps(measures, {})
        with room.owned_by(host.address):
            there = {step.name: numbers(step.measure) for step in fresh}
            units = [unit for step in fresh for unit in step.units]
            handles = [room.handle(network) for unit in units for network in getattr(unit, "networks", ())]
    assert all(isinstance(each, RemoteNetwork) for each in handles)
    for name, row in here.items():
        assert there[name] == pytest.approx(row, abs=1e-5), name


def test_a_network_that_two_measures_ask_is_one(measures: list[Any]) -> None:
    served = models_of(build_steps(measures, {}))
    boxes = [name for name in served if "networks:boxes" in name]
    assert len(boxes) == 1, "coarse_hoi and fine_hoi look for boxes with the same one"
    assert len(served) == len(VBENCH) + 1 + 2 + 2


def test_many_at_once_are_answered_as_one_by_one(measures: list[Any]) -> None:
    """Batches across clips change no number."""
    spec = [each for each in measures if "subject_consistency" in each or "fine_hoi" in each]
    with Host(functools.partial(setup_models, spec), load_deadline=120, deadline=120) as host:
        host.start()
        with room.owned_by(host.address):
            steps = build_steps(spec, {})
            alone = [numbers(step.measure) for step in steps]
            found: list[Any] = [None] * 6

            def ask(at: int) -> None:
                found[at] = numbers(steps[at % 2].measure)

            threads = [threading.Thread(target=ask, args=(at,)) for at in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert all(each == pytest.approx(alone[at % 2], abs=1e-5) for at, each in enumerate(found))


def test_measures_hold_their_settings_and_nothing_else(measures: list[Any]) -> None:
    """A measure that has scored is sent to another process as it came."""
    import pickle

    for step in build_steps([*measures, "hoi_lite", "text_boxes", "motion"], {}):
        for unit in step.units:
            before = repr(unit)
            if isinstance(unit, Loads):
                unit.load()
            assert repr(unit) == before
            assert len(pickle.dumps(unit)) < 10_000


def test_small_models_are_made_once_a_process_whoever_asks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import asyncio

    from hoigen.models.nets import dis_flow, hands, imagenet, pose, ssd_coco, text_detector

    made: Counter[Any] = Counter()
    kinds: Sequence[Any] = (
        dis_flow.DisFlow,
        hands.HandFinder,
        imagenet.ThingNamer,
        pose.PoseFinder,
        ssd_coco.ObjectFinder,
        text_detector.TextDetector,
    )
    for kind in kinds:

        def counted(self: Any, *given: Any, _kind: Any = kind, _init: Any = kind.__init__, **named: Any) -> None:
            made[_kind.__name__, given] += 1
            _init(self, *given, **named)

        monkeypatch.setattr(kind, "__init__", counted)
    monkeypatch.setattr(room, "_kept", {})  # as a process begins
    recipe = load_recipe(recipe_path(Path("evaluate")))
    specs = [*recipe["measures"], {"motion_smoothness": {"interpolator": "flow"}}]
    steps = build_steps(specs, {})
    setup_scorer(specs, {}, True, tmp_path)
    for step in steps:
        for unit in step.units:
            if isinstance(unit, Loads):
                unit.load()
    score_of({step.name: step for step in steps}["motion_smoothness"].measure, "uneven")
    asyncio.run(Detectors().open())
    clip = clip_of(DATA / "uneven.mp4")
    looking = {step.name: step for step in steps}["fine_hoi"].looking
    assert looking is not None
    for _ in range(2):
        looking.observer.begin(clip, looking.sampling)
    assert {name for name, _ in made} == {kind.__name__ for kind in kinds}
    assert set(made.values()) == {1}, made
