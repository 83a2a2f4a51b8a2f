"""Vision-language models that run in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Annotated, Any

from hoigen.core.clip import Sampling
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.experts.call import Answer, Request
from hoigen.experts.local import engine
from hoigen.experts.local.engine import Dtype, Engine
from hoigen.experts.local.pictures import Media, Shown, processor_of
from hoigen.models import hub
from hoigen.models import load as loading
from hoigen.models.uses import ModelUse


@expert("local_vlm")
class LocalVlm:
    """A model that is shown a clip: Qwen2-VL, Qwen2.5-VL, Qwen3-VL, LLaVA-OneVision, LLaVA-NeXT (-Video), PLLaVA, and
    others that transformers files under image-text-to-text.
    """

    model: Annotated[str, Setting("an id of the Hugging Face hub, or a folder")]
    revision: Annotated[str, Setting("branch, tag or commit of the hub")] = ""
    dtype: Annotated[Dtype, Setting("type of the weights; auto is that of the checkpoint")] = "auto"
    device: Annotated[str, Setting("auto is the graphics card where there is one")] = "auto"
    max_tokens: Annotated[int, Setting("longest answer; one that has no end by then is `truncated`")] = 512
    temperature: Annotated[
        float, Setting("0 takes the likeliest token, above 0 tokens are drawn by `seed` and the question")
    ] = 0.0
    seed: Annotated[int, Setting("of the tokens that are drawn")] = 0
    repetition_penalty: Annotated[float, Setting("1 is none")] = 1.0
    template: Annotated[
        Mapping[str, Any], Setting("arguments for the model's chat template, such as {enable_thinking: false}")
    ] = field(default_factory=dict)
    batch: Annotated[int, Setting("requests generated together")] = 4
    slots: Annotated[int, Setting("requests taken at once, at least `batch`, so that the next batch waits")] = 8
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
        engine.check(self)
        if not self.sampling.needs_frames or self.sampling.gray:
            raise ValueError("sampling: a model that is shown a clip takes frames, in colour")

    @property
    def identity(self) -> Mapping[str, Any]:
        facts = hub.identity(self.model, self.revision) | engine.decoding_facts(self) | {"media": self.media}
        return facts | ({"lora_alpha": self.lora_alpha} if self.lora_alpha != 4.0 else {})

    @property
    def _key(self) -> tuple[object, ...]:
        return "local_vlm", self.model, self.revision, self.dtype, self.device, self.media, self.lora_alpha

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse(self.model, "hub", revision=self.revision),)

    async def open(self) -> None:
        await engine.take(self._key, self, self._load)

    async def answer(self, request: Request) -> Answer:
        if request.media and (request.frames is None or not len(request.frames)):
            return Answer(outcome="failed", reason="the clip's frames are not there to be shown")
        return await engine.ask(self._key, request, self, shown=request.frames is not None)

    async def close(self) -> None:
        await engine.give_back(self._key, self)

    def _load(self) -> Engine:
        _, transformers = loading.needed("local_vlm")
        device = loading.device_of(self.device)
        found = hub.resolve(self.model, self.revision)
        loading.check_memory(found, self.dtype, device)
        from hoigen.experts.local import pllava

        if pllava.is_one(found):
            return pllava.load(found, self, device)
        config = loading.pretrained(transformers.AutoConfig, found, "configuration")
        processor = processor_of(found, config, self.media)
        loader = transformers.AutoModelForImageTextToText
        model = loading.pretrained(loader, found, "model", dtype=loading.dtype_of(self.dtype))
        stops = engine.only_stops(model, processor.tokenizer)
        return Engine(
            model=loading.settle(model, device, found.name),
            tokenizer=processor.tokenizer,
            prepare=Shown(processor, self.media),
            device=device,
            stops=stops,
            context=engine.context_of(model),
        )
