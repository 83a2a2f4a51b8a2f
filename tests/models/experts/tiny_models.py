"""Real architectures at random and tiny, saved as the hub has them; a tokenizer of single bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}IMAGE{% elif c['type'] == 'video' %}VIDEO{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
LLAVA = ("<image>", "<video>")
VOCABULARY = 320


def template(image: str, video: str) -> str:
    return TEMPLATE.replace("IMAGE", image).replace("VIDEO", video)


QWEN_TEMPLATE = template("<|vision_start|><|image_pad|><|vision_end|>", "<|vision_start|><|video_pad|><|vision_end|>")
LLAVA_TEMPLATE = template("<image>\n", "<video>\n")


def tokenizer(extra: Sequence[str] = (), chat: str | None = template("", "")) -> Any:
    """Bytes as tokens 0..255, then <|im_end|> (256), <|im_start|> (257), <pad> (258) and what is extra."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    own = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(letters)}, merges=[]))
    own.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    own.decoder = decoders.ByteLevel()
    own.add_special_tokens(["<|im_end|>", "<|im_start|>", "<pad>", *extra])
    made = PreTrainedTokenizerFast(tokenizer_object=own, eos_token="<|im_end|>", pad_token="<pad>")
    made.chat_template = chat
    return made


def shaken(model: Any) -> Any:
    """Larger random weights: so that answers depend on what is asked and shown."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.25 if "embed" in name else 0.15)
    return model.eval()


def llm(folder: Path, *, seed: int = 0, chat: str | None = template("", ""), context: int = 512) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        vocab_size=VOCABULARY,
        max_position_embeddings=context,
        eos_token_id=256,
        pad_token_id=258,
        bos_token_id=None,
    )
    shaken(LlamaForCausalLM(config)).save_pretrained(folder)
    tokenizer(chat=chat).save_pretrained(folder)
    return folder


TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 4096,
    "bos_token_id": None,
    "eos_token_id": 256,
    "pad_token_id": 258,
}
"""A language model as large as the tests need."""
CLIP = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4}


def _qwen_ids(words: Any) -> dict[str, int]:
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id")
    return dict(zip(names, words.convert_tokens_to_ids(list(QWEN)), strict=True))


def vlm(kind: str, folder: Path) -> Path:
    """A vision-language model of that type, with its processor's files."""
    import torch

    torch.manual_seed(0)
    {"qwen2_vl": _qwen2, "qwen2_5_vl": _qwen25, "qwen3_vl": _qwen3}.get(kind, _llava)(kind, folder)
    return folder


def _qwen2(kind: str, folder: Path) -> None:
    from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

    words = tokenizer(QWEN, QWEN_TEMPLATE)
    vision = {"depth": 2, "embed_dim": 32, "hidden_size": 32, "num_heads": 4, "mlp_ratio": 2, "patch_size": 14}
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    config = Qwen2VLConfig(text_config=TEXT | {"rope_parameters": rope}, vision_config=vision, **_qwen_ids(words))
    shaken(Qwen2VLForConditionalGeneration(config)).save_pretrained(folder)
    words.save_pretrained(folder)
    _written(folder, "Qwen2VLImageProcessor", "Qwen2VLProcessor", min_pixels=784, max_pixels=28 * 28 * 64)


def _qwen25(kind: str, folder: Path) -> None:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    words = tokenizer(QWEN, QWEN_TEMPLATE)
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32}
    vision |= {"patch_size": 14, "fullatt_block_indexes": [1], "window_size": 56, "tokens_per_second": 2}
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    config = Qwen2_5_VLConfig(text_config=TEXT | {"rope_parameters": rope}, vision_config=vision, **_qwen_ids(words))
    shaken(Qwen2_5_VLForConditionalGeneration(config)).save_pretrained(folder)
    words.save_pretrained(folder)
    _written(folder, "Qwen2VLImageProcessor", "Qwen2_5_VLProcessor", min_pixels=784, max_pixels=28 * 28 * 64)


def _qwen3(kind: str, folder: Path) -> None:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    words = tokenizer(QWEN, QWEN_TEMPLATE)
    vision = {"depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 4, "out_hidden_size": 32}
    vision |= {"patch_size": 16, "deepstack_visual_indexes": [0, 1], "num_position_embeddings": 64}
    rope = {"rope_type": "default", "mrope_section": [2, 1, 1], "mrope_interleaved": True, "rope_theta": 10000.0}
    text = TEXT | {"rope_parameters": rope, "head_dim": 8}
    config = Qwen3VLConfig(text_config=text, vision_config=vision, **_qwen_ids(words))
    shaken(Qwen3VLForConditionalGeneration(config)).save_pretrained(folder)
    words.save_pretrained(folder)
    size = {"shortest_edge": 1024, "longest_edge": 32 * 32 * 64}
    _written(folder, "Qwen2VLImageProcessorFast", "Qwen3VLProcessor", patch_size=16, size=size)


def _llava(kind: str, folder: Path) -> None:
    import transformers

    words = tokenizer(LLAVA, LLAVA_TEMPLATE)
    image, video = words.convert_tokens_to_ids(list(LLAVA))
    names = {"llava_onevision": "LlavaOnevision", "llava_next": "LlavaNext", "llava_next_video": "LlavaNextVideo"}
    name = names[kind]
    side, patch = (32, 8) if kind == "llava_onevision" else (28, 7)
    pinpoints = [[side, side], [side, 2 * side], [2 * side, side]]
    sees = "siglip_vision_model" if kind == "llava_onevision" else "clip_vision_model"
    given: dict[str, Any] = {
        "vision_config": CLIP | {"model_type": sees, "image_size": side, "patch_size": patch},
        "text_config": TEXT | {"model_type": "qwen2" if kind == "llava_onevision" else "llama"},
        "image_grid_pinpoints": pinpoints,
        "image_token_index": image,
        "image_token_id": image,
    }
    if kind != "llava_next":
        given |= {"video_token_index": video, "video_token_id": video}
    if kind == "llava_onevision":
        given |= {"vision_feature_select_strategy": "full", "vision_feature_layer": -1}
        processor = {"num_image_tokens": 16, "vision_feature_select_strategy": "full"}
    else:
        processor = {"patch_size": patch, "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1}
    config = getattr(transformers, f"{name}Config")(**given)
    shaken(getattr(transformers, f"{name}ForConditionalGeneration")(config)).save_pretrained(folder)
    words.save_pretrained(folder)
    size = {"height": side, "width": side} if kind == "llava_onevision" else {"shortest_edge": side}
    images = "LlavaOnevisionImageProcessor" if kind == "llava_onevision" else "LlavaNextImageProcessor"
    settings = {"size": size, "crop_size": {"height": side, "width": side}, "image_grid_pinpoints": pinpoints}
    _written(folder, images, f"{name}Processor", processor=processor, **settings)


def _written(folder: Path, images: str, processor_class: str, *, processor: Any = None, **settings: Any) -> None:
    """The processor's files as published checkpoints have them."""
    import json

    told = {"image_processor_type": images, "processor_class": processor_class, **settings}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    if processor is not None:
        made = {"processor_class": processor_class, **processor}
        (folder / "processor_config.json").write_text(json.dumps(made))
