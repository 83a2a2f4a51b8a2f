"""What ADA-CM's own code makes of a tiny model and pictures: tests/observe/data/ada_cm.{json,npz}.

Runs in VBench's environment (make parity) against a copy of github.com/ltttpku/ADA-CM (commit 9405627):
build/vbench/bin/python tests/observe/golden_ada_cm.py FOLDER
"""

from __future__ import annotations

import argparse
import json
import pickle
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import torch

FOLDER = Path(sys.argv[1]).resolve()
sys.path[:0] = [str(Path(__file__).parent), str(FOLDER), str(FOLDER / "detr"), str(FOLDER / "CLIP")]

try:
    import torchvision  # noqa: F401
except RuntimeError:  # the build of PyPI beside a torch for CPUs lacks the operators; RoIAlign is in Python as well
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import ada_cm_world as world  # noqa: E402
import numpy as np  # noqa: E402


def nms(boxes: Any, scores: Any, labels: Any, alike: float) -> Any:
    """Greedy suppression by class, in place of torchvision's operator."""
    from torchvision.ops import box_iou

    overlaps, kept = box_iou(boxes, boxes), []
    for at in scores.argsort(descending=True).tolist():
        if all(labels[at] != labels[other] or overlaps[at, other] <= alike for other in kept):
            kept.append(at)
    return torch.tensor(kept)


def settings(**changes: Any) -> argparse.Namespace:
    given = {
        "dataset": "hicodet", "pretrained": "", "device": "cpu", "d_detr": False, "masks": False, "lr_backbone": 0,
        "backbone": "resnet50", "dilation": False, "position_embedding": "sine", "hidden_dim": 64, "nheads": 8,
        "enc_layers": 2, "dec_layers": 2, "dim_feedforward": 128, "dropout": 0.0, "num_queries": 20, "pre_norm": False,
        "aux_loss": False, "set_cost_class": 1, "set_cost_bbox": 5, "set_cost_giou": 2, "bbox_loss_coef": 5,
        "giou_loss_coef": 2, "eos_coef": 0.1, "use_distill": False, "use_consistloss": False, "use_multi_hot": True,
        "obj_affordance": False, "logits_type": "HO+U+T", "num_shot": 1, "zs": False, "label_choice": "random",
        "prior_type": "cbe", "use_weight_pred": False, "use_insadapter": True, "prior_method": 0, "hyper_lambda": 2.8,
        "pseudo_label": False, "tpt": False, "feat_mask_type": 0, "LA": False, "LA_weight": 0.6, "box_proj": 0,
        "vis_prompt_num": 50, "N_CTX": 24, "CSC": False, "CTX_INIT": "", "CLASS_TOKEN_POSITION": "end",
    }  # fmt: skip
    return argparse.Namespace(**{**given, **changes})


def brought() -> None:
    """What the code asks of a machine with GPUs, and of packages that it does not need for looking at pictures."""
    torch.Tensor.cuda = lambda self, *_, **__: self
    for name in ("d_detr", "d_detr.models", "interaction_head"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["interaction_head"].InteractionHead = None  # type: ignore[attr-defined]
    sys.modules["d_detr.models"].build_model = None  # type: ignore[attr-defined]
    packaging = types.ModuleType("pkg_resources")
    import packaging.version as version

    packaging.packaging = types.SimpleNamespace(version=version)  # type: ignore[attr-defined]
    sys.modules["pkg_resources"] = packaging


def targets() -> tuple[list[tuple[int, int, int]], list[list[int]], list[list[int]], np.ndarray]:
    """The 600 pairs as (number, verb, object), and by object the verbs, the pairs, and the table of both."""
    from hico_text_label import hico_text_label

    pairs = [(number, verb, thing) for number, (verb, thing) in enumerate(hico_text_label)]
    verbs: list[list[int]] = [[] for _ in range(80)]
    hois: list[list[int]] = [[] for _ in range(80)]
    table = np.full((80, 117), np.nan)
    for number, verb, thing in pairs:
        verbs[thing].append(verb)
        hois[thing].append(number)
        table[thing, verb] = number
    return pairs, verbs, hois, table


def clip() -> Any:
    """CLIP of OpenAI's layout, as small as its code lets it be."""
    import CLIP_models_adapter_prior2 as models

    model = models.CLIP(
        embed_dim=world.WIDTH, image_resolution=224, vision_layers=2, vision_width=128, vision_patch_size=32,
        context_length=77, vocab_size=49408, transformer_width=64, transformer_heads=1, transformer_layers=1,
        use_adapter=True, adapter_layers=[0, 1], adapter_num_layers=1,
    )  # fmt: skip
    return model.float()


def trained(file: str, pictures: list[Any]) -> dict[str, Any]:
    import upt_tip_cache_model_free_finetune_distill3 as code
    from detr.datasets import transforms_clip as transforms

    from models import backbone as backbones
    from models import build_model

    code.batched_nms = nms
    backbones.is_main_process = lambda: False  # so that no weights are fetched
    args = settings(file1=file)
    _, verbs, _, table = targets()
    detector, _, post = build_model(args)
    eyes = clip()
    head = code.CustomCLIP(args, classnames=code.hico_verbs_sentence, clip_model=eyes)
    model = code.UPT(
        args, detector, post["bbox"], head, torch.from_numpy(world.array("adapter_texts", (117, world.WIDTH))),
        torch.from_numpy(world.objects()), human_idx=0, num_classes=117, object_class_to_target_class=verbs,
        object_n_verb_to_interaction=table, num_anno=torch.ones(117), use_mlp_proj=False,
    ).eval()  # fmt: skip
    layout = {name: list(value.shape) for name, value in model.state_dict().items()}
    own = world.state(layout)
    model.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in own.items()})
    for part in ("HO", "U"):
        setattr(model, f"sample_lens_{part}", torch.from_numpy(own[f"label_{part}"]).sum(0))
    world.LAYOUT.write_text(json.dumps({name: layout[name] for name in sorted(layout)}, separators=(",", ":")))

    normal = transforms.Compose(
        [transforms.ToTensor(), transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])]
    )
    found: dict[str, Any] = {}
    for at, picture in enumerate(pictures):
        large, _ = transforms.RandomResize([800], max_size=1333)(picture, None)
        small, _ = transforms.IResize([224, 224])(large, None)
        both = normal(large, None)[0], normal(small, None)[0]
        with torch.no_grad():
            said = model.detector([both[0]])
            detections = model([both])[0]
        found[f"{at}.chances"] = said["pred_logits"][0].softmax(-1)
        found[f"{at}.boxes"] = said["pred_boxes"][0]
        person, thing = detections["pairing"]
        found[f"{at}.persons"] = detections["boxes"][person] / 224
        found[f"{at}.things"] = detections["boxes"][thing] / 224
        for name in ("scores", "labels", "objects"):
            found[f"{at}.{name}"] = detections[name]
        print(at, "boxes", len(detections["boxes"]), "scores", detections["scores"].sort(descending=True)[0][:5])
    return found


def untrained(file: str) -> dict[str, Any]:
    import upt_tip_cache_model_free_ye as code

    _, _, hois, _ = targets()
    model = code.UPT.__new__(code.UPT)
    torch.nn.Module.__init__(model)
    model.training = False
    model.dic_key, model.sample_choice, model.rm_duplicate_feat = "hoi", "uniform", False
    model.num_classes, model.human_idx, model.fg_iou_thresh = 600, 0, 0.5
    model.object_class_to_target_class = hois
    model.logits_type, model.gamma_HO, model.gamma_U = "HO+U+T", 0.5, 0.5
    model.post_process, model.temperature = True, 0.05
    model.text_embedding = torch.from_numpy(world.texts())
    for part, feature in (("HO", "hum_obj"), ("U", "uni")):
        made = model.load_cache_model(file1=file, feature=feature, class_nums=600, num_shot=10_000, use_multi_hot=True)
        for name, value in zip(("cache_model", "one_hots", "sample_lens"), made, strict=True):
            setattr(model, f"{name}_{part}", value.float())
    boxes = torch.tensor([[0.0, 0, 50, 100], [60, 0, 120, 110], [30, 40, 90, 100], [5, 5, 40, 40], [100, 20, 140, 60]])
    labels, scores = torch.tensor([0, 0, 1, 41, 17]), torch.tensor([0.9, 0.6, 0.8, 0.5, 0.3])
    count = 2 * (len(boxes) - 1)
    features = torch.cat([torch.from_numpy(world.crops(count + at))[:count] for at in range(3)])
    props = [{"boxes": boxes, "scores": scores, "labels": labels}]
    target = [{"boxes_h": torch.zeros(1, 4), "boxes_o": torch.zeros(1, 4), "size": torch.tensor([120, 160])}]
    sizes = torch.tensor([[120, 160]])
    logits, prior, persons, things, objects = model.compute_crop_embeddings(features[None], sizes, props, target)
    [said] = model.postprocessing([boxes], persons, things, logits, prior, objects, sizes)
    pairing = said["pairing"]
    return {
        "shots.boxes": boxes, "shots.labels": labels, "shots.sure": scores, "shots.persons": pairing[0],
        "shots.things": pairing[1], "shots.scores": said["scores"], "shots.hois": said["labels"],
        "shots.order": torch.stack([persons[0], things[0]]),
    }  # fmt: skip


def main() -> None:
    from PIL import Image

    brought()
    pairs, *_ = targets()
    pictures = [Image.fromarray(picture) for picture in world.pictures()]
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "hico.p")
        Path(file).write_bytes(pickle.dumps(world.images(pairs)))
        found = {**trained(file, pictures), **untrained(file)}
    world.FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(world.FILE, **{name: value.numpy() for name, value in found.items()})


if __name__ == "__main__":
    main()
