"""The licence ledger names every model of every recipe and of every setting that switches one."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
from pathlib import Path
from typing import Any, ClassVar

import model_cases
import pytest
import yaml
from model_cases import OWN, PINNED

from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.models import cards, files, uses
from hoigen.models.cards import ModelCard, Url
from hoigen.models.uses import Network
from hoigen.recipe.build import make
from hoigen.rules.cascade import build_steps, fingerprint

LITE = (
    "ssd_mobilenet_v2_coco",
    "ssd_mobilenet_v2_coco_graph",
    "palm_detection",
    "hand_landmark",
    "face_detection",
    "efficientnet_lite3",
    "pose_detection",
    "pose_landmark",
)
QWEN3, QWEN25 = "Qwen/Qwen3-VL-8B-Instruct", "Qwen/Qwen2.5-7B-Instruct"
QWEN35, QWEN35_27 = "Qwen/Qwen3.5-9B", "Qwen/Qwen3.5-27B"
GROUNDING, SAM, POSE = (
    "IDEA-Research/grounding-dino-tiny",
    "facebook/sam2.1-hiera-small",
    "usyd-community/vitpose-base-simple",
)
WANTED: dict[str, tuple[str, ...]] = {
    "metadata": (),
    "damage": (),
    "panda_70m": (),
    "perceptual_hash": (),
    "text_boxes": ("text_detector",),
    "technical_quality": (),
    "motion": (),
    "temporal_flickering": (),
    "hoi_lite": LITE,
    "hoi_act": LITE,
    "coarse_hoi": LITE,
    "fine_hoi": LITE,
    "hoi_failures": LITE,
    "subject_consistency": ("dino_vitb16",),
    "background_consistency": ("clip_vitb32",),
    "motion_smoothness": ("amt_s",),
    "aesthetic_quality": ("clip_vitl14", "laion_v1_vitl14"),
    "imaging_quality": ("musiq_spaq",),
    "overall_consistency": ("clip_words", "viclip_l14"),
    "aesthetics": ("clip_vitl14", "laion_v2_vitl14"),
    "unimatch_flow": ("unimatch",),
}
"""What each measure uses as it comes; written by hand."""
WANTED |= {
    "lite: caption": (),
    "modern: hoi_judgement": (QWEN35, QWEN35_27),
    "modern: caption": (QWEN35, "OpenGVLab/InternVL3_5-8B-HF", "zai-org/GLM-4.1V-9B-Thinking", QWEN35_27),
    "paper: text_boxes": ("dbnetpp",),
    "paper: hoi_judgement": ("ermu2001/pllava-7b", QWEN25),
    "paper: caption": (
        "ermu2001/pllava-7b",
        "Qwen/Qwen2-VL-7B-Instruct",
        "llava-hf/LLaVA-NeXT-Video-7B-hf",
        "meta-llama/Llama-3.1-8B-Instruct",
    ),
    "subject_consistency own": ("dino_vitb16",),
    "subject_consistency half": ("dino_vitb16",),
    "background_consistency own": ("clip_vitb32",),
    "aesthetic_quality own": ("clip_vitl14", "laion_v1_vitl14"),
    "aesthetic_quality own head": ("clip_vitl14", "laion_v1_vitl14"),
    "aesthetics own": ("clip_vitl14", "laion_v2_vitl14"),
    "text_boxes dbnetpp": ("dbnetpp",),
    "text_boxes dbnetpp own": ("dbnetpp",),
    "unimatch_flow own": ("unimatch",),
    "imaging_quality original": ("musiq_spaq_original",),
    "imaging_quality own": ("musiq_spaq",),
    "motion_smoothness flow": (),
    "motion_smoothness own": ("amt_s",),
    "overall_consistency clip": ("clip_words", "clip_vitl14"),
    "overall_consistency own": ("clip_words", "viclip_l14"),
    "fine_hoi models": (GROUNDING, SAM, POSE),
    "fine_hoi grabcut": (GROUNDING, "owner/name"),
    "fine_hoi propagate": (GROUNDING, SAM, POSE),
    "fine_hoi recorded": (),
    "coarse_hoi two_stage": ("PekingU/rtdetr_r50vd_coco_o365", "openai/clip-vit-base-patch32"),
    "coarse_hoi ada_cm": ("ada_cm", "owner/clip"),
    "coarse_hoi ada_cm untrained": ("ada_cm_detr", "ada_cm_memory", "owner/clip"),
    "coarse_hoi ada_cm, clip not named": ("ada_cm", "the published CLIP of that size"),
    "coarse_hoi mllm": (QWEN3,),
    "coarse_hoi mllm served": (QWEN3,),
    "coarse_hoi recorded": (),
    "hoi_judgement": (QWEN3, QWEN25),
    "hoi_judgement served": (QWEN3, "smollm2"),
    "single local": ("owner/name",),
    "mixture with detectors": ("Qwen/Qwen2.5-VL-3B-Instruct", QWEN3, *LITE, "smollm2"),
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, Any]]:
    return {name: (kind, spec) for name, kind, spec in model_cases.cases(tmp_path_factory.mktemp("own"))}


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model of the hub is here, whatever this machine has."""
    with contextlib.suppress(ImportError):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


def ledger_of(kind: str, spec: Any) -> tuple[uses.LedgerEntry, ...]:
    if kind == "measure":
        return uses.ledger((step.name, unit) for step in build_steps([spec], {}) for unit in step.units)
    return uses.ledger(make("captioner", spec, "caption.captioner").experts.items())


def test_every_recipe_and_every_switch_is_looked_at(cases: dict[str, tuple[str, Any]]) -> None:
    assert {name.partition(":")[0] for name in cases if ":" in name} == {
        path.stem for path in model_cases.RECIPES.glob("*.yaml")
    }


@pytest.mark.parametrize("name", [name for name, _, _ in model_cases.written()])
def test_the_ledger_names_every_model(name: str, cases: dict[str, tuple[str, Any]]) -> None:
    wanted = WANTED[name] if name in WANTED else WANTED[name.partition(": ")[2]]
    found = ledger_of(*cases[name])
    assert [entry.id for entry in found] == list(wanted)
    for entry in found:
        assert entry.used_by
        assert entry.licence
        assert entry.use
        assert entry.source
        assert entry.sha256 or entry.revision


def entry_of(name: str, cases: dict[str, tuple[str, Any]], model: str) -> uses.LedgerEntry:
    return next(entry for entry in ledger_of(*cases[name]) if entry.id == model)


def test_what_an_entry_says(cases: dict[str, tuple[str, Any]]) -> None:
    amt = entry_of("vbench: motion_smoothness", cases, "amt_s")
    assert (amt.licence, amt.use, amt.sha256) == ("CC BY-NC 4.0", "non-commercial", "unpinned")
    assert amt.used_by == ("motion_smoothness",)
    viclip = entry_of("vbench: overall_consistency", cases, "viclip_l14")
    assert (viclip.licence, viclip.use) == ("unknown", "not known")
    assert len(entry_of("vbench: imaging_quality", cases, "musiq_spaq").sha256) == 64
    assert entry_of("imaging_quality original", cases, "musiq_spaq_original").licence == "Apache-2.0"
    text = entry_of("lite: text_boxes", cases, "text_detector")
    assert (text.revision, len(text.sha256), text.use) == ("3.10.0", 64, "anyone")
    own = entry_of("motion_smoothness own", cases, "amt_s")
    assert (own.file, own.source) == ("own.pth", "a file of one's own")
    assert (own.licence, own.sha256) == (uses.OWN_LICENCE, hashlib.sha256(OWN["own.pth"]).hexdigest())
    ada = entry_of("coarse_hoi ada_cm", cases, "ada_cm")
    assert (ada.licence, ada.use) == ("none stated by its authors", "not known")
    assert ada.sha256 == hashlib.sha256(OWN["own.pth"]).hexdigest()
    assert entry_of("single local", cases, "owner/name").revision == PINNED
    assert entry_of("paper: caption", cases, "ermu2001/pllava-7b").revision == "main (unpinned)"
    assert entry_of("coarse_hoi mllm served", cases, QWEN3).source == "served under that name"


def test_what_came_first_is_what_the_ledger_says_of_an_unpinned_file(
    cases: dict[str, tuple[str, Any]], tmp_path: Path
) -> None:
    from hoigen.models import lock

    lock.hold_file("amt_s", tmp_path / "amt-s.pth", "ab" * 32, "")
    assert entry_of("vbench: motion_smoothness", cases, "amt_s").sha256 == "ab" * 32


def test_a_commit_at_hand_is_what_the_ledger_says(cases: dict[str, tuple[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub", reason="extra [models] is not installed")
    refs = tmp_path / "hub" / "models--ermu2001--pllava-7b" / "refs"
    refs.mkdir(parents=True)
    (refs / "main").write_text(PINNED)
    assert entry_of("paper: caption", cases, "ermu2001/pllava-7b").revision == PINNED


def test_licences_that_bind_are_told_before_a_run(cases: dict[str, tuple[str, Any]]) -> None:
    def told(name: str) -> str:
        kind, spec = cases[name]
        if kind == "measure":
            return " ".join(uses.notices(unit for step in build_steps([spec], {}) for unit in step.units))
        return " ".join(uses.notices(make("captioner", spec, "caption.captioner").experts.values()))

    assert told("lite: hoi_lite") == told("motion_smoothness flow") == told("motion_smoothness own") == ""
    assert told("vbench: motion_smoothness").startswith("amt-s.pth: licence CC BY-NC 4.0. Not for commercial use.")
    assert "names no licence" in told("coarse_hoi ada_cm")
    assert "pllava-7b: licence unknown, not a free licence" in told("paper: hoi_judgement")
    for model in ("pllava-7b", "LLaVA-NeXT-Video-7B-hf", "Llama-3.1-8B-Instruct"):
        assert model in told("paper: caption")
    assert "Qwen2.5-VL-3B-Instruct: licence Qwen Research, not for commercial use" in told("mixture with detectors")


def test_a_file_of_a_measure_of_ones_own_is_part_of_its_fingerprint(tmp_path: Path) -> None:
    def fake(sha256: str = "", own: str = "") -> Any:
        url = Url("http://127.0.0.1/x", "x.onnx")
        card = ModelCard(id="x", source=url, sha256=sha256, licence="MIT", use="anyone", origin="x")
        return type("Fake", (), {"models": (uses.ModelUse("x", own=own, card=card),)})()

    (tmp_path / "own.onnx").write_bytes(b"own")
    said = [
        uses.pins(each) for each in (fake(), fake("ab" * 32), fake("cd" * 32), fake(own=str(tmp_path / "own.onnx")))
    ]
    assert len({tuple(each) for each in said}) == 4
    assert all(len(each) == 1 for each in said)


def test_what_is_no_model_use_is_refused() -> None:
    class Fake:
        models = ("dino_vitb16",)

    with pytest.raises(UsageError, match=r"Fake\.models: a tuple of ModelUse"):
        uses.of(Fake())


def test_run_and_page_name_every_model(tmp_path: Path, tiny_video: Path) -> None:
    """From a run of the recipe lite with its captions to run.yaml, caption.yaml and the page."""
    import hoigen
    from hoigen.pages.gather import model_files
    from hoigen.rules.runfile import steps_of

    run = Run(tmp_path / "run")
    measures = ["metadata", "text_boxes"]
    hoigen.curate(videos=tiny_video, run=run.path, measures=measures, min_length=0.1, quiet=True, workers=1)
    spec = "captioner.single.expert.fake_world={}"
    hoigen.caption(run.path, set=[spec], quiet=True, report=True)
    noted = yaml.safe_load(run.recipe_file.read_text())["models"]
    assert [(row["id"], row["used_by"]) for row in noted] == [("text_detector", ["text_boxes"])]
    assert {"file", "source", "revision", "sha256", "licence", "use", "origin"} <= set(noted[0])
    assert yaml.safe_load(run.caption_file.read_text())["models"] == []
    page = (run.path / "report.html").read_text()
    assert "text_detector" in page
    assert noted[0]["sha256"] in page
    [entry] = model_files(run, steps_of(run)[1])
    assert entry.id == "text_detector"


def test_the_page_has_the_models_of_captions_too_and_reckons_them_for_older_runs(
    tmp_path: Path, tiny_video: Path
) -> None:
    import hoigen
    from hoigen.commands.caption import record
    from hoigen.pages.gather import model_files
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.captioners._job import job_of

    run = Run(tmp_path / "run")
    hoigen.curate(videos=tiny_video, run=run.path, measures=["text_boxes"], min_length=0.1, quiet=True, workers=1)
    spec = {"captioner": yaml.safe_load((model_cases.RECIPES / "paper.yaml").read_text())["caption"]["captioner"]}
    record(run, spec, job_of(spec))
    steps = steps_of(run)[1]
    found = model_files(run, steps)
    assert [entry.id for entry in found] == ["text_detector", *WANTED["paper: caption"]]
    assert found[1].used_by == ("caption: first",)
    for file, key in ((run.recipe_file, "models"), (run.caption_file, "models")):
        facts = yaml.safe_load(file.read_text())
        del facts[key]
        facts.pop("measured", None)  # no older run has it either
        file.write_text(yaml.safe_dump(facts))
    assert model_files(run, steps_of(run)[1]) == found


@dataclasses.dataclass(frozen=True)
class Tinted:
    """As on the page about measures: it says what its network is made of, and nothing in `models`."""

    name: ClassVar[str] = "tinted"
    checkpoint: str
    at: str = "my weights"

    @property
    def networks(self) -> tuple[Network, ...]:
        return (Network(build=f"{__name__}:built", files=((self.at, self.checkpoint),), models=("owner/name",)),)


def test_files_of_a_network_of_ones_own_stand_in_ledger_and_fingerprint(tmp_path: Path) -> None:
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"first")
    measure = Tinted(str(weights))
    mine, of_hub = uses.ledger([("tinted", measure)])
    assert (mine.id, mine.file, mine.source) == ("my_weights", "weights.pt", "a file of one's own")
    assert mine.sha256 == hashlib.sha256(b"first").hexdigest()
    assert (of_hub.id, of_hub.used_by) == ("owner/name", ("tinted",))
    before = fingerprint(measure)
    weights.write_bytes(b"another")
    assert fingerprint(measure) != before
    with pytest.raises(UsageError, match="no such file"):
        fingerprint(Tinted(str(tmp_path / "none.pt")))
    with pytest.raises(UsageError, match="unknown model file"):
        uses.of(Tinted("", at="no_such_card"))


def test_the_size_of_a_bundled_file_is_what_its_card_says() -> None:
    small = [card for card in cards.CARDS.values() if isinstance(card.source, cards.WheelMember)]
    here = [(card, path) for card in small if (path := files.present(card)) is not None]
    assert len(small) == 14
    assert here, "the tests have fetched some"
    assert [card.id for card, path in here if path.stat().st_size != card.bytes] == []


def test_a_notice_is_printed_once_a_process(capsys: pytest.CaptureFixture[str]) -> None:
    for notice in ("a licence of this test", "another one", "a licence of this test"):
        uses.say(notice)
    assert capsys.readouterr() == ("", "hoigen: a licence of this test\nhoigen: another one\n")
