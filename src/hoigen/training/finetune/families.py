"""What a family of models is trained with: its loss, its latents, its words, and where its defaults come from.

Sources, read at these commits:
- CogVideoX: huggingface/diffusers 58eb52c examples/cogvideo/train_cogvideox_lora.py (loss, order of axes, sampling of
  the latents, targets, AdamW); of 1.5 (pairs of frames) diffusers' pipeline_cogvideox.py: the front is padded.
- Wan: modelscope/DiffSynth-Studio fed7b18 diffsynth/diffusion/loss.py FlowMatchSFTLoss, flow_match.py
  set_timesteps_wan and set_training_weight; the mean of the latents, by the VAE's own mean and deviation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hoigen.core.errors import UsageError

CogKind = Literal["2b", "5b", "1.5"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a family is trained with when nothing is said.

    Args:
        rank: of the LoRA.
        alpha: of the LoRA.
        learning_rate: after the warm-up.
        targets: layers that get a LoRA.
        precision: of the frozen weights.
        source: where each of them comes from.
    """

    rank: int
    alpha: float
    learning_rate: float
    targets: tuple[str, ...]
    precision: Literal["float32", "float16", "bfloat16"]
    source: str


class Family(Protocol):
    """What training asks of a family. Latents and words are computed once; loss is computed at every step."""

    name: str
    defaults: Defaults
    frames_rule: tuple[int, int]
    """(multiple, remainder) of the number of frames."""
    sides_rule: int
    """Height and width are multiples of it."""
    vae_precision: str
    """Of the VAE while latents are computed; empty for that of the training."""
    kept: float
    """Bytes that a layer of the transformer keeps for its way back, for each token and channel, in half precision;
    measured by benchmarks/train_gpu.py on a card, where Korthikanti et al. (2022, section 4.1) count 34."""
    encoder: str
    """What latents depend on besides the weights: a number that changes when `encode` does."""

    def encode(self, vae: Any, video: Any) -> dict[str, Any]:
        """What is kept of a clip. video: (1, 3, frames, height, width), -1..1."""

    def words(self, pipe: Any, texts: Sequence[str], device: Any) -> Any:
        """Embeddings of captions, (texts, tokens, channels)."""

    def loss(self, model: Any, kept: Mapping[str, Any], words: Any, generator: Any) -> Any:
        """The loss of a batch, a scalar in float32. generator: of the CPU; all chance comes from it."""


TARGETS = ("to_q", "to_k", "to_v", "to_out.0")


class CogVideoX:
    """CogVideoX 2B, 5B and 1.5: velocity of a diffusion with zero SNR at its end."""

    encoder, vae_precision = "cogvideox-1", ""
    sides_rule, kept = 16, 41.0

    def __init__(self, pipe: Any) -> None:
        self.pipe, self.scheduler = pipe, pipe.scheduler
        config = pipe.transformer.config
        self.kind: CogKind = "1.5" if config.patch_size_t else "5b" if config.use_rotary_positional_embeddings else "2b"
        self.name = f"cogvideox-{self.kind}"
        self.scale = float(pipe.vae.config.scaling_factor)
        self.frames_rule = (int(pipe.vae.config.temporal_compression_ratio), 1)
        self.tokens = int(config.max_text_seq_length)
        self.pairs = int(config.patch_size_t or 1)
        self.defaults = Defaults(
            rank=64,
            alpha=64 if self.kind == "2b" else 32,
            learning_rate=1e-4 if self.kind == "2b" else 1e-5,
            targets=TARGETS,
            precision="float16" if self.kind == "2b" else "bfloat16",
            source=(
                "targets, AdamW (0.9, 0.95, decay 1e-4) and 1e-4 are the script's (diffusers 58eb52c; rank 128 there); "
                "1e-4 to 1e-3 is right for LoRA by the authors (zai-org/CogVideo#116), blur at 5e-4 on 2B (#458). 5B "
                "saturates at 2e-5 and more with rank 128, alpha 64, and is normal at 1e-6 (#750): 1e-5 with half the "
                "strength is between the two, and not tried here"
            ),
        )

    def encode(self, vae: Any, video: Any) -> dict[str, Any]:
        # the script keeps the distribution and draws from it at every step
        found = vae.encode(video).latent_dist
        return {"mean": found.mean[0].float(), "std": found.std[0].float()}

    def words(self, pipe: Any, texts: Sequence[str], device: Any) -> Any:
        return pipe._get_t5_prompt_embeds(list(texts), max_sequence_length=self.tokens, device=device)

    def loss(self, model: Any, kept: Mapping[str, Any], words: Any, generator: Any) -> Any:
        import torch

        mean, std = kept["mean"], kept["std"]  # (B, C, F, H, W)
        drawn = torch.randn(mean.shape, generator=generator).to(mean.device)
        latents = ((mean + std * drawn) * self.scale).permute(0, 2, 1, 3, 4)
        short = -latents.shape[1] % self.pairs
        if short:  # of 1.5: as in the pipeline, frames are added in front
            latents = torch.cat([latents[:, :1].expand(-1, short, -1, -1, -1), latents], dim=1)
        latents = latents.to(words.dtype)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        steps = self.scheduler.config.num_train_timesteps
        times = torch.randint(0, steps, (len(latents),), generator=generator).to(latents.device)
        height, width = latents.shape[3] * 8, latents.shape[4] * 8
        scale = self.pipe.vae_scale_factor_spatial
        rotary = (
            self.pipe._prepare_rotary_positional_embeddings(
                height // 8 * scale, width // 8 * scale, latents.shape[1], latents.device
            )
            if model.config.use_rotary_positional_embeddings
            else None
        )
        noisy = self.scheduler.add_noise(latents, noise, times)
        said = model(
            hidden_states=noisy,
            encoder_hidden_states=words,
            timestep=times,
            image_rotary_emb=rotary,
            return_dict=False,
        )[0]
        seen = self.scheduler.get_velocity(said, noisy, times)
        weights = (1 / (1 - self.scheduler.alphas_cumprod.to(latents.device)[times])).view(-1, 1, 1, 1, 1)
        return (weights.float() * (seen.float() - latents.float()) ** 2).reshape(len(latents), -1).mean(1).mean()


class Wan:
    """Wan 2.1 and 2.2 5B: flow matching over 1000 shifted times, weighted by a bell."""

    encoder, vae_precision = "wan-1", "float32"  # as diffusers' docs/wan.md has it
    kept = 68.0  # norms and what shifts them are float32 here
    SHIFT = 5.0

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        if pipe.config.boundary_ratio is not None:
            raise UsageError(
                "Wan with two transformers (2.2 A14B) is not trained here; hoigen export --to musubi or diffsynth, and "
                "--trainer"
            )
        self.patch = tuple(pipe.transformer.config.patch_size)
        self.whole = bool(pipe.config.expand_timesteps)
        self.name = "wan2.2-5b" if self.whole else "wan2.1"
        self.frames_rule = (int(pipe.vae_scale_factor_temporal), 1)
        self.sides_rule = int(pipe.vae_scale_factor_spatial) * self.patch[1]
        self.defaults = Defaults(
            rank=32,
            alpha=32,
            learning_rate=1e-4,
            targets=(*TARGETS, "ffn.net.0.proj", "ffn.net.2"),
            precision="bfloat16",
            source=(
                "DiffSynth-Studio fed7b18 examples/wanvideo/model_training/lora/Wan2.1-T2V-1.3B.sh, Wan2.2-TI2V-5B.sh: "
                "rank 32, 1e-4, q k v o and both layers of ffn (musubi-tuner 30c658c docs/wan.md has rank 32 and 2e-4)"
            ),
        )
        self.sigmas, self.weights = self._times()

    def _times(self) -> tuple[Any, Any]:
        """Of DiffSynth-Studio's training: 1000 times of much noise to little, and their weights."""
        import torch

        line = torch.linspace(1.0, 0.0, 1001)[:-1]
        sigmas = self.SHIFT * line / (1 + (self.SHIFT - 1) * line)
        bell = torch.exp(-2 * ((sigmas * 1000 - 500) / 1000) ** 2)
        bell = bell - bell.min()
        return sigmas, bell * (1000 / bell.sum())

    def encode(self, vae: Any, video: Any) -> dict[str, Any]:
        import torch

        found = vae.encode(video).latent_dist.mode().float()
        mean = torch.tensor(vae.config.latents_mean).view(1, -1, 1, 1, 1).to(found)
        std = torch.tensor(vae.config.latents_std).view(1, -1, 1, 1, 1).to(found)
        return {"latents": ((found - mean) / std)[0]}

    def words(self, pipe: Any, texts: Sequence[str], device: Any) -> Any:
        return pipe._get_t5_prompt_embeds(list(texts), max_sequence_length=512, device=device)

    def loss(self, model: Any, kept: Mapping[str, Any], words: Any, generator: Any) -> Any:
        import torch

        latents = kept["latents"].to(words.dtype)
        at = torch.randint(0, len(self.sigmas), (len(latents),), generator=generator)
        noise = torch.randn(latents.shape, generator=generator).to(latents)
        sigmas = self.sigmas[at].to(latents.device)
        wide = sigmas.view(-1, 1, 1, 1, 1).to(latents)
        noisy = (1 - wide) * latents + wide * noise
        times = sigmas * 1000
        if self.whole:  # of 2.2 5B: a time for each patch, all alike where no first frame is given
            patches = latents.shape[2] * (latents.shape[3] // self.patch[1]) * (latents.shape[4] // self.patch[2])
            times = times.unsqueeze(1).expand(-1, patches)
        said = model(hidden_states=noisy, timestep=times, encoder_hidden_states=words, return_dict=False)[0]
        each = ((said.float() - (noise - latents).float()) ** 2).reshape(len(latents), -1).mean(1)
        return (each * self.weights[at].to(each.device)).mean()


FAMILIES: Mapping[str, Any] = {"CogVideoXPipeline": CogVideoX, "WanPipeline": Wan}
"""Pipeline -> how it is trained."""


def family_of(pipe: Any) -> Family:
    """How a pipeline is trained. Raises UsageError where it is not known here."""
    name = type(pipe).__name__
    if name not in FAMILIES:
        raise UsageError(
            f"{name} is not trained here; {', '.join(FAMILIES)} are. For others: hoigen export, and its trainers"
        )
    found: Family = FAMILIES[name](pipe)
    return found
