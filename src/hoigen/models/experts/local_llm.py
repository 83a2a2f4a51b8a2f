"""Language models that run in this process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from hoigen.core.clip import Sampling
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.models import hub
from hoigen.models import load as loading
from hoigen.models.experts.call import Request
from hoigen.models.experts.local import engine
from hoigen.models.experts.local.engine import Dtype, Engine, LocalModel
from hoigen.models.uses import ModelUse


@expert("local_llm")
class LocalLlm(LocalModel):
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
    gguf_file: Annotated[str, Setting("the file within a repository or folder that holds GGUF")] = ""
    dtype: Annotated[Dtype, Setting("type of the weights; auto is that of the checkpoint (float32 for GGUF)")] = "auto"
    batch: Annotated[int, Setting("requests generated together")] = 8
    slots: Annotated[int, Setting("requests taken at once, at least `batch`, so that the next batch waits")] = 16

    sampling = Sampling(frames=0)

    @property
    def identity(self) -> Mapping[str, Any]:
        return hub.identity(self.model, self.revision, self.gguf_file) | self.decoding

    @property
    def models(self) -> tuple[ModelUse, ...]:
        return (ModelUse(self.model, "hub", revision=self.revision, gguf_file=self.gguf_file),)

    def load(self) -> Engine:
        _, transformers = loading.needed("local_llm")
        device = loading.device_of(self.device)
        found = hub.resolve(self.model, self.revision, self.gguf_file)
        loading.check_memory(found, self.dtype, device)
        tokenizer = loading.pretrained(transformers.AutoTokenizer, found, "tokenizer")
        model = loading.pretrained(
            transformers.AutoModelForCausalLM, found, "model", dtype=loading.dtype_of(self.dtype)
        )
        model = loading.settle(model, device, found.name)

        def prepare(requests: Sequence[Request], options: Mapping[str, Any]) -> Mapping[str, Any]:
            """Padded token ids, by the tokenizer's chat template, or plainly where it has none."""
            chats = map(engine.messages, requests)
            if templated := bool(tokenizer.chat_template):
                texts = [engine.rendered(tokenizer, turns, options) for turns in chats]
            else:
                texts = ["\n\n".join(str(turn["content"]) for turn in turns) + "\n\n" for turns in chats]
            made = tokenizer(texts, padding=True, return_tensors="pt", add_special_tokens=not templated)
            return {name: made[name] for name in ("input_ids", "attention_mask")}

        return Engine.of(model, tokenizer, prepare, device)
