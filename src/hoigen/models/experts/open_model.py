"""An open model by its name on the hub: in this process, or served, when there is a URL."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hoigen.core.clip import Sampling, Seconds
from hoigen.core.registry import expert
from hoigen.core.settings import Setting
from hoigen.models import uses
from hoigen.models.experts.batch import Batched
from hoigen.models.experts.call import Answer, Request

if TYPE_CHECKING:
    from hoigen.models.experts.call import Expert
    from hoigen.models.uses import AnyUse


@expert("open_model")
class OpenModel:
    """The same model wherever it runs: loaded here without a `url` (extra [models]), asked there with one."""

    model: Annotated[str, Setting("its id on the hub, or a folder; also the name under which a server has it")]
    revision: Annotated[str, Setting("of its weights")] = ""
    url: Annotated[
        str | tuple[str, ...] | None,
        Setting("an OpenAI-compatible endpoint that serves it, or a list of several; null loads it here"),
    ] = None
    sees: Annotated[bool, Setting("false for a model that only reads")] = True
    sampling: Annotated[Sampling, Setting("the frames of a clip that it is shown")] = Sampling(frames=8, short_side=336)
    media: Annotated[
        Literal["video", "frames"] | None,
        Setting(
            "the frames as one `video`, or as single pictures (`frames`), which more models and servers take; null for "
            "`video` of a model that is loaded here and `frames` of a served one"
        ),
    ] = None
    max_tokens: Annotated[int, Setting("of one answer")] = 768
    temperature: Annotated[float, Setting("0 for the likeliest answer")] = 0.0
    slots: Annotated[int, Setting("requests at once: per endpoint, or as many as wait for a batch here")] = 8
    batch: Annotated[int, Setting("clips in one batch here")] = 4
    dtype: Annotated[str, Setting("of a model that is loaded here")] = "auto"
    device: Annotated[str, Setting("of a model that is loaded here")] = "auto"
    timeout: Annotated[
        Seconds, Setting("of an endpoint: until an answer that has not come is given up", unit="seconds")
    ] = 180.0
    served: Annotated[
        Mapping[str, Any],
        Setting("of an endpoint: any other settings of `chat_server` (top_p, json_mode, extra_body, tries, backoff)"),
    ] = field(default_factory=dict, hash=False)
    price_in: Annotated[float, Setting("what a million tokens of questions cost, for what a run costs")] = 0.0
    price_out: Annotated[float, Setting("what a million tokens of answers cost")] = 0.0

    def __post_init__(self) -> None:
        if not self.sees:
            object.__setattr__(self, "sampling", Sampling(frames=0))
        _ = self.expert  # what cannot be is told at once

    @staticmethod
    def check_moved(settings: Mapping[str, Any], where: str) -> None:
        """Raises UsageError for a recipe that says which key is sent, with what to say instead."""
        from hoigen.models.experts.chat_server import ChatServer

        ChatServer.check_moved(settings, where)

    @functools.cached_property
    def expert(self) -> Expert:
        """What does the work, as these settings say it."""
        if self.url:
            from hoigen.models.experts.chat_server import ChatServer
            from hoigen.recipe.build import build

            named = ("url", "model", "revision", "sampling", "temperature", "max_tokens", "slots", "timeout")
            mine: dict[str, Any] = {name: getattr(self, name) for name in (*named, "price_in", "price_out")}
            twice = sorted(mine.keys() & self.served.keys())
            if twice or "media" in self.served:
                raise ValueError(f"served: {', '.join(twice or ['media'])} is a setting of open_model itself")
            mine |= {"media": self.media or "frames", **self.served}
            return build(ChatServer, mine, self.model)  # type: ignore[no-any-return]
        from hoigen.models.experts.local_llm import LocalLlm
        from hoigen.models.experts.local_vlm import LocalVlm
        from hoigen.recipe.build import build

        names = ("model", "revision", "dtype", "device", "max_tokens", "temperature", "slots", "batch")
        settings: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.served:
            raise ValueError("served: for a model that is served: it has no url")
        if self.sees:
            settings |= {"sampling": self.sampling, "media": self.media or "video"}
            return build(LocalVlm, settings, self.model)  # type: ignore[no-any-return]
        return build(LocalLlm, settings, self.model)  # type: ignore[no-any-return]

    @property
    def endpoints(self) -> Sequence[Any]:
        """The servers that have it; empty when it is loaded here."""
        from hoigen.models.experts.chat_server import ChatServer

        return self.expert.endpoints if isinstance(self.expert, ChatServer) else ()

    @property
    def identity(self) -> Mapping[str, Any]:
        return self.expert.identity

    def body(self, request: Request) -> dict[str, Any]:
        """The request as a chat completion, for batches. Raises ValueError when the model is not served."""
        if not self.url:
            raise ValueError(f"{self.model} is not served: give its url to ask it by batch")
        assert isinstance(self.expert, Batched)
        return self.expert.body(request)

    @property
    def models(self) -> tuple[AnyUse, ...]:
        return uses.of(self.expert)

    async def open(self) -> None:
        await self.expert.open()

    async def answer(self, request: Request) -> Answer:
        return await self.expert.answer(request)

    async def close(self) -> None:
        await self.expert.close()
