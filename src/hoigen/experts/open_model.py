"""An open model by its name on the hub: in this process, or served, when there is a URL."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from hoigen.clip import Sampling, Seconds
from hoigen.experts.call import Answer, Request
from hoigen.models import uses
from hoigen.registry import expert

if TYPE_CHECKING:
    from hoigen.contracts import Expert
    from hoigen.models.uses import AnyUse


@expert("open_model")
class OpenModel:
    """The same model wherever it runs: without a `url` it is loaded here (extra [models]), with one it is asked there.

    model: its id on the hub, or a folder; also the name under which a server has it. revision: of its weights.
    url: an OpenAI-compatible endpoint that serves it, or a list of several; null loads it here.
    sees: false for a model that only reads. sampling: the frames of a clip that it is shown.
    media: of a model that is loaded here: the frames as one `video`, or as single pictures (`frames`), which more
        models take without torchvision. A server is always sent pictures.
    max_tokens: of one answer. temperature: 0 for the likeliest answer.
    slots: requests at once: per endpoint, or as many as wait for a batch here. batch: clips in one batch here.
    dtype, device: of a model that is loaded here. key_env, timeout: of an endpoint.
    price_in, price_out: what a million tokens cost, for what a run costs.
    """

    model: str
    revision: str = ""
    url: str | tuple[str, ...] | None = None
    sees: bool = True
    sampling: Sampling = Sampling(frames=8, short_side=336)
    media: Literal["video", "frames"] = "video"
    max_tokens: int = 768
    temperature: float = 0.0
    slots: int = 8
    batch: int = 4
    dtype: str = "auto"
    device: str = "auto"
    key_env: str = "OPENAI_API_KEY"
    timeout: Seconds = 180.0
    price_in: float = 0.0
    price_out: float = 0.0

    def __post_init__(self) -> None:
        if not self.sees:
            object.__setattr__(self, "sampling", Sampling(frames=0))
        _ = self.expert  # what cannot be is told at once

    def _served(self) -> Expert:
        from hoigen.experts.chat_server import ChatServer

        return ChatServer(
            url=self.url or "",
            model=self.model,
            revision=self.revision,
            key_env=self.key_env,
            sampling=self.sampling,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            slots=self.slots,
            timeout=self.timeout,
            price_in=self.price_in,
            price_out=self.price_out,
        )

    def _local(self) -> Expert:
        from hoigen.experts.local_llm import LocalLlm
        from hoigen.experts.local_vlm import LocalVlm
        from hoigen.recipe.build import build

        names = ("model", "revision", "dtype", "device", "max_tokens", "temperature", "slots", "batch")
        settings: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.sees:
            settings |= {"sampling": self.sampling, "media": self.media}
            return build(LocalVlm, settings, self.model)  # type: ignore[no-any-return]
        return build(LocalLlm, settings, self.model)  # type: ignore[no-any-return]

    @functools.cached_property
    def expert(self) -> Expert:
        """What does the work, as these settings say it."""
        return self._served() if self.url else self._local()

    @property
    def identity(self) -> Mapping[str, Any]:
        return self.expert.identity

    def body(self, request: Request) -> dict[str, Any]:
        """The request as a chat completion, for batches. Raises ValueError when the model is not served."""
        if not self.url:
            raise ValueError(f"{self.model} is not served: give its url to ask it by batch")
        inner: Any = self.expert
        made: dict[str, Any] = inner.body(request)
        return made

    @property
    def models(self) -> tuple[AnyUse, ...]:
        return uses.of(self.expert)

    async def open(self) -> None:
        await self.expert.open()

    async def answer(self, request: Request) -> Answer:
        return await self.expert.answer(request)

    async def close(self) -> None:
        await self.expert.close()
