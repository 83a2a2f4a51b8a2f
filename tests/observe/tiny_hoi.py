"""Real architectures at random and tiny, saved as the hub has them: detectors, SAM 2, ViTPose."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CLASSES = ("person", "cup", "sports ball", "tvmonitor")
WORDS = ("person", "cup", "sports", "ball", "television", "hair", "dryer", "vio", "##lin")
HIDDEN = 128
SIDE = 64
"""Of the square that the tiny SAM 2 looks at."""


def shaken(model: Any, by: float = 0.2) -> Any:
    """Larger random weights, so that answers depend on what is shown."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 3 * by if "class_embed" in name else by)
            elif "class_embed" in name:
                parameter.zero_()
    return model.eval()


def saved(model: Any, folder: Path, **preprocessor: Any) -> Path:
    model.save_pretrained(folder)
    if preprocessor:
        (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    return folder


def rt_detr(folder: Path, classes: Sequence[str] = CLASSES) -> Path:
    import torch
    from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

    torch.manual_seed(0)
    backbone = RTDetrResNetConfig(
        embeddings_size=10, hidden_sizes=[10, 20, 30, 40], depths=[1, 1, 2, 1], out_indices=[2, 3, 4]
    )
    config = RTDetrConfig(
        backbone_config=backbone,
        encoder_hidden_dim=32,
        encoder_in_channels=[20, 30, 40],
        encoder_layers=1,
        encoder_ffn_dim=32,
        encoder_attention_heads=2,
        d_model=32,
        num_queries=30,
        decoder_in_channels=[32, 32, 32],
        decoder_ffn_dim=16,
        num_feature_levels=3,
        decoder_layers=2,
        decoder_attention_heads=2,
        num_denoising=0,
        id2label=dict(enumerate(classes)),
        label2id={name: at for at, name in enumerate(classes)},
    )
    model = _undecided(shaken(RTDetrForObjectDetection(config)))
    return saved(model, folder, image_processor_type="RTDetrImageProcessor", size={"height": 96, "width": 96})


def _undecided(model: Any) -> Any:
    """Class weights without what all boxes have in common, so that boxes are of several classes."""
    import torch

    with torch.no_grad():
        boxes = model(pixel_values=torch.rand(1, 3, 96, 96)).last_hidden_state[0]
        common = boxes.mean(0) / boxes.mean(0).norm()
        head = model.class_embed[-1] if hasattr(model, "class_embed") else model.model.decoder.class_embed[-1]
        head.weight -= (head.weight @ common)[:, None] * common
        head.weight *= 2 / (boxes @ head.weight.T).std()
        head.bias -= (boxes @ head.weight.T + head.bias).mean(0)
    return model


def grounding_dino(folder: Path) -> Path:
    import torch
    from transformers import BertConfig, GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

    torch.manual_seed(0)
    swin = SwinConfig(
        window_size=7, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], image_size=96, out_indices=[2, 3, 4]
    )
    bert = BertConfig(hidden_size=16, num_attention_heads=2, num_hidden_layers=2, intermediate_size=32, vocab_size=1100)
    config = GroundingDinoConfig(
        backbone_config=swin,
        text_config=bert,
        d_model=32,
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_feature_levels=4,
        max_text_len=32,
        disable_custom_kernels=True,
    )
    _bert_words(folder)
    size = {"shortest_edge": 64, "longest_edge": 128}
    model = shaken(GroundingDinoForObjectDetection(config), 0.15)
    return saved(model, folder, image_processor_type="GroundingDinoImageProcessor", size=size)


def _bert_words(folder: Path) -> None:
    """A word-piece vocabulary in which what Grounding DINO knows by number (101, 102, 1012, 1029) is in its place."""
    from transformers import BertTokenizer

    words = {"[PAD]": 0, "[UNK]": 100, "[CLS]": 101, "[SEP]": 102, "[MASK]": 103, ".": 1012, "?": 1029}
    free = (at for at in range(200, 1100) if at not in words.values())
    words |= {word: next(free) for word in (*WORDS, *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"))}
    words |= {letter: next(free) for letter in "abcdefghijklmnopqrstuvwxyz"}
    numbers = {at: word for word, at in words.items()}
    BertTokenizer(vocab={numbers.get(at, f"[unused{at}]"): at for at in range(1100)}).save_pretrained(folder)


def sam2(folder: Path, kind: str = "sam2") -> Path:
    import torch
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2Model,
        Sam2VideoConfig,
        Sam2VideoModel,
        Sam2VisionConfig,
    )

    torch.manual_seed(0)
    backbone = Sam2HieraDetConfig(
        hidden_size=8,
        image_size=[SIDE, SIDE],
        blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64],
        num_attention_heads_per_stage=[1, 1, 2, 2],
        window_size_per_stage=[4, 4, 2, 2],
        global_attention_blocks=[3],
    )
    vision = Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=[64, 32, 16, 8],
        backbone_feature_sizes=[[SIDE // 4] * 2, [SIDE // 8] * 2, [SIDE // 16] * 2],
        fpn_hidden_size=HIDDEN,
    )
    prompts = {"hidden_size": HIDDEN, "image_size": SIDE, "mask_input_channels": 4}
    decoder = {"hidden_size": HIDDEN, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16}
    if kind == "sam2":
        own = Sam2Config(vision_config=vision, prompt_encoder_config=prompts, mask_decoder_config=decoder)
        return saved(shaken(Sam2Model(own)), folder)
    video = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=prompts,
        mask_decoder_config=decoder,
        image_size=SIDE,
        num_maskmem=3,
        max_object_pointers_in_encoder=4,
        memory_attention_hidden_size=HIDDEN,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[SIDE // 16] * 2,
        memory_encoder_hidden_size=HIDDEN,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=HIDDEN,
        memory_fuser_embed_dim=HIDDEN,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )
    return saved(shaken(Sam2VideoModel(video)), folder)


def sam2_video(folder: Path) -> Path:
    return sam2(folder, "sam2_video")


def sam3(folder: Path) -> Path:
    """SAM 3 for video: detector and tracker at random, and a tokenizer whose tokens are bytes."""
    import torch
    from tiny_clip import letters
    from transformers import (
        CLIPTextConfig,
        Sam3Config,
        Sam3TrackerVideoConfig,
        Sam3VideoConfig,
        Sam3VideoModel,
        Sam3VisionConfig,
    )
    from transformers.models.sam3 import configuration_sam3 as parts

    torch.manual_seed(0)
    side, patch, wide = 56, 14, 128
    heads = {"num_attention_heads": 2}
    layer = {"hidden_size": wide, "num_layers": 1, "intermediate_size": 32, **heads}

    def vision() -> Sam3VisionConfig:
        backbone = parts.Sam3ViTConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            image_size=side,
            patch_size=patch,
            window_size=2,
            global_attn_indexes=[1],
            pretrain_image_size=side,
            **heads,
        )
        sizes = [[times * side // patch] * 2 for times in (4, 2, 1)]
        return Sam3VisionConfig(backbone_config=backbone, fpn_hidden_size=wide, backbone_feature_sizes=sizes)

    text = CLIPTextConfig(
        vocab_size=300,
        hidden_size=16,
        intermediate_size=32,
        projection_dim=16,
        num_hidden_layers=1,
        max_position_embeddings=32,
        eos_token_id=257,
        bos_token_id=256,
        **heads,
    )
    detector = Sam3Config(
        vision_config=vision(),
        text_config=text,
        geometry_encoder_config=parts.Sam3GeometryEncoderConfig(**layer),
        detr_encoder_config=parts.Sam3DETREncoderConfig(**layer),
        detr_decoder_config=parts.Sam3DETRDecoderConfig(**layer, num_queries=4),
        mask_decoder_config=parts.Sam3MaskDecoderConfig(hidden_size=wide, **heads),
    )
    tracker = Sam3TrackerVideoConfig(
        image_size=side,
        vision_config=vision(),
        prompt_encoder_config={"hidden_size": wide, "image_size": side, "patch_size": patch, "mask_input_channels": 4},
        mask_decoder_config={"hidden_size": wide, "mlp_dim": 32, "iou_head_hidden_dim": 16, **heads},
        num_maskmem=2,
        max_object_pointers_in_encoder=2,
        memory_attention_hidden_size=wide,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[side // patch] * 2,
        memory_encoder_hidden_size=wide,
        memory_encoder_output_channels=64,
        mask_downsampler_embed_dim=wide,
        memory_fuser_embed_dim=wide,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )
    own = Sam3VideoConfig(
        detector_config=detector,
        tracker_config=tracker,
        low_res_mask_size=16,
        hotstart_delay=0,
        hotstart_unmatch_thresh=0,
        hotstart_dup_thresh=0,
        score_threshold_detection=0.0,
        new_det_thresh=0.0,
        det_nms_thresh=1.0,
        max_num_objects=12,
        fill_hole_area=0,
    )
    letters(folder)
    return saved(Sam3VideoModel(own).eval(), folder, image_mean=[0.5] * 3, image_std=[0.5] * 3)


def vitpose(folder: Path, points: int = 17, experts: int = 1) -> Path:
    import torch
    from transformers import VitPoseBackboneConfig, VitPoseConfig, VitPoseForPoseEstimation

    torch.manual_seed(0)
    backbone = VitPoseBackboneConfig(
        image_size=(64, 48),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_experts=experts,
        part_features=4,
        out_indices=[2],
    )
    config = VitPoseConfig(backbone_config=backbone, num_labels=points)
    return saved(shaken(VitPoseForPoseEstimation(config)), folder)
