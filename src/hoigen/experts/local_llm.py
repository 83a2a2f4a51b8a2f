"""Language models that run in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Annotated, Any

from hoigen.core.clip import Sampling
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.experts.call import Answer, Request
from hoigen.experts.local import engine
from hoigen.experts.local.engine import Dtype, Engine
from hoigen.models import hub
from hoigen.models import load as loading
from hoigen.models.uses import ModelUse


@expert("local_llm")
class LocalLlm:
    """Any causal language model of transformers, GGUF files included, without a server.

    An answer of float32 does not depend on what it was batched with; with 16 bits, padding can change a close call.
    """

    model: Annotated[
        str,
        Setting(
            "an id of the Hugging Face hub, a folder, a .gguf file, or `smollm2` (135 million parameters, comes "
            "from the Python registry; to try things out)"
        ),
    ]
    revision: Annotated[str, Setting("branch, tag or commit of the hub")] = ""
    gguf_file: Annotated[str, Setting("the file within a repository or folder that holds GGUF")] = ""
    dtype: Annotated[Dtype, Setting("type of the weights; auto is that of the checkpoint (float32 for GGUF)")] = "auto"
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
    batch: Annotated[int, Setting("requests generated together")] = 8
    slots: Annotated[int, Setting("requests taken at once, at least `batch`, so that the next batch waits")] = 16

    sampling = Sampling(frames=0)

    def __post_init__(self) -> None:
        engine.check(self)

    @property
    def identity(self) -> Mapping[str, Any]:
        return hub.identity(self.model, self.revision, self.gguf_file) | engine.decoding_facts(self)

    @property
    def _key(self) -> tuple[str, ...]:
        return "local_llm", self.model, self.revision, self.gguf_file, self.dtype, self.device

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse(self.model, "hub", revision=self.revision, gguf_file=self.gguf_file),)

    async def open(self) -> None:
        await engine.take(self._key, self, self._load)

    async def answer(self, request: Request) -> Answer:
        return await engine.ask(self._key, request, self)

    async def close(self) -> None:
        await engine.give_back(self._key, self)

    def _load(self) -> Engine:
        _, transformers = loading.needed("local_llm")
        device = loading.device_of(self.device)
        found = hub.resolve(self.model, self.revision, self.gguf_file)
        loading.check_memory(found, self.dtype, device)
        tokenizer = loading.pretrained(transformers.AutoTokenizer, found, "tokenizer")
        model = loading.pretrained(
            transformers.AutoModelForCausalLM, found, "model", dtype=loading.dtype_of(self.dtype)
        )
        model = loading.settle(model, device, found.name)
        stops = engine.only_stops(model, tokenizer)
        return Engine(
            model=model,
            tokenizer=tokenizer,
            prepare=_Prompts(tokenizer),
            device=device,
            stops=stops,
            context=engine.context_of(model),
        )


class _Prompts:
    """Requests as padded token ids, by the tokenizer's chat template, or plainly where it has none."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    def __call__(self, requests: Sequence[Request], options: Mapping[str, Any]) -> Mapping[str, Any]:
        templated = bool(self.tokenizer.chat_template)
        texts = [
            engine.rendered(self.tokenizer, turns, options)
            if templated
            else "\n\n".join(str(turn["content"]) for turn in turns) + "\n\n"
            for turns in map(engine.messages, requests)
        ]
        made = self.tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=not templated)
        return {name: made[name] for name in ("input_ids", "attention_mask")}
