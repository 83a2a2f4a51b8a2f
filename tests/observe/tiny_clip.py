"""CLIP and SigLIP at random and tiny, saved as the hub has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SIDE = 32


def clip(folder: Path, projection: int = 12) -> Path:
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(1)
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={
            **vision,
            "vocab_size": 300,
            "max_position_embeddings": 77,
            "eos_token_id": 257,
            "bos_token_id": 256,
        },
        vision_config={**vision, "image_size": SIDE, "patch_size": 8},
        projection_dim=projection,
    )
    return _saved(CLIPModel(config), folder, "CLIPImageProcessor", size={"shortest_edge": SIDE}, crop_size=SIDE)


def siglip(folder: Path) -> Path:
    import torch
    from transformers import SiglipConfig, SiglipModel

    torch.manual_seed(2)
    vision = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = SiglipConfig(
        text_config={**vision, "vocab_size": 300, "max_position_embeddings": 77, "projection_size": 16},
        vision_config={**vision, "image_size": SIDE, "patch_size": 8},
    )
    return _saved(SiglipModel(config), folder, "SiglipImageProcessor", size={"height": SIDE, "width": SIDE})


def _saved(model: Any, folder: Path, processor: str, **settings: Any) -> Path:
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
    model.save_pretrained(folder)
    known = {
        "image_mean": [0.48, 0.46, 0.41],
        "image_std": [0.27, 0.26, 0.28],
        "do_center_crop": "crop_size" in settings,
    }
    (folder / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": processor, **known, **settings})
    )
    letters(folder)
    return folder


def letters(folder: Path) -> None:
    """A tokenizer whose tokens are bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {letter: at for at, letter in enumerate(letters)} | {"<s>": 256, "</s>": 257, "<pad>": 258}
    tokens = Tokenizer(models.BPE(vocab=words, merges=[]))
    tokens.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokens.decoder = decoders.ByteLevel()
    ends = [("<s>", 256), ("</s>", 257)]
    tokens.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=77
    ).save_pretrained(folder)
