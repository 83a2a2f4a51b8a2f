"""Vision-language models that run in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from hoigen.core.clip import Sampling
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.models import hub
from hoigen.models import load as loading
from hoigen.models.experts.call import Answer, Request
from hoigen.models.experts.local.engine import Engine, LocalModel
from hoigen.models.experts.local.pictures import Media, processor_of, shown
from hoigen.models.uses import ModelUse


@expert("local_vlm")
class LocalVlm(LocalModel):
    """A model that is shown a clip: Qwen2-VL, Qwen2.5-VL, Qwen3-VL, LLaVA-OneVision, LLaVA-NeXT (-Video), PLLaVA, and
    others that transformers files under image-text-to-text.
    """

    media: Annotated[
        Media,
        Setting(
            "the frames are shown as one `video`, with their times where the model knows any, or as single "
            "pictures (`frames`), for models that take no videos"
        ),
    ] = "video"
    sampling: Annotated[Sampling, Setting("the frames of a clip that are shown. PLLaVA was trained with 16")] = (
        Sampling(frames=8, short_side=336)
    )
    lora_alpha: Annotated[
        float, Setting("of PLLaVA only: how much its adapters count; 4 is what its authors answer with")
    ] = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sampling.needs_frames or self.sampling.gray:
            raise ValueError("sampling: a model that is shown a clip takes frames, in colour")

    @property
    def identity(self) -> Mapping[str, Any]:
        facts = hub.identity(self.model, self.revision) | self.decoding | {"media": self.media}
        return facts | ({"lora_alpha": self.lora_alpha} if self.lora_alpha != 4.0 else {})

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse(self.model, "hub", revision=self.revision),)

    async def answer(self, request: Request) -> Answer:
        if request.lacks_frames:
            return Answer(outcome="failed", reason="the clip's frames are not there to be shown")
        return await super().answer(request)

    def load(self) -> Engine:
        _, transformers = loading.needed("local_vlm")
        device = loading.device_of(self.device)
        found = hub.resolve(self.model, self.revision)
        loading.check_memory(found, self.dtype, device)
        from hoigen.models.experts.local import pllava

        if pllava.is_one(found):
            return pllava.load(
                found, device, self.dtype, media=self.media, frames=self.sampling.frames, lora_alpha=self.lora_alpha
            )
        config = loading.pretrained(transformers.AutoConfig, found, "configuration")
        processor = processor_of(found, config, self.media)
        loader = transformers.AutoModelForImageTextToText
        model = loading.pretrained(loader, found, "model", dtype=loading.dtype_of(self.dtype))
        model = loading.settle(model, device, found.name)
        return Engine.of(model, processor.tokenizer, shown(processor, self.media), device)
