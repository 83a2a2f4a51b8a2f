"""What makes videos, as settings: the models that come with hoigen, files of one's own, pipelines by their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from hoigen.core import plain_yaml, trusted
from hoigen.core.clip import Seconds
from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting, check_fields
from hoigen.recipe.build import build

Kind = Literal["diffusers", "command", "service"]
Precision = Literal["float32", "float16", "bfloat16"]
Offload = Literal["none", "model", "sequential"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator:
    """How a model is asked for videos. What is null is left to the model, or is not known of it."""

    kind: Annotated[
        Kind,
        Setting(
            "diffusers (a text-to-video pipeline of it), command (a program in its own environment), service (videos "
            "that were made elsewhere)"
        ),
    ] = "diffusers"
    model: Annotated[str, Setting("a folder with model_index.json, or a repository of the hub")] = ""
    revision: Annotated[str, Setting("a branch, a tag or a commit of the hub; empty for main")] = ""
    frames: Annotated[int | None, Setting("frames of a video", least=1)] = None
    fps: Annotated[float | None, Setting("frames per second of the file", above=0)] = None
    height: Annotated[int | None, Setting("of a video", least=8, unit="pixels")] = None
    width: Annotated[int | None, Setting("of a video", least=8, unit="pixels")] = None
    steps: Annotated[int | None, Setting("of denoising", least=1)] = None
    guidance: Annotated[float | None, Setting("weight of the prompt (classifier-free guidance)", least=0)] = None
    negative: Annotated[str, Setting("what shall not be seen; empty for none")] = ""
    call: Annotated[Mapping[str, Any], Setting("further arguments of the pipeline's call")] = field(
        default_factory=dict
    )
    dtype: Annotated[Precision, Setting("numbers of the weights")] = "bfloat16"
    parts: Annotated[Mapping[str, Precision], Setting("parts of the pipeline with another dtype")] = field(
        default_factory=dict
    )
    device: Annotated[str, Setting("auto (a graphics card where there is one), cpu, cuda, cuda:1")] = "auto"
    offload: Annotated[
        Offload,
        Setting("none (all on the card), model (one part after the other), sequential (layer by layer; little memory)"),
    ] = "none"
    tiling: Annotated[bool, Setting("the VAE decodes in tiles: less memory, faint seams")] = False
    slicing: Annotated[bool, Setting("the VAE decodes one video of a batch after the other")] = False
    batch: Annotated[int, Setting("videos at once; on one card the last bits may depend on it", least=1)] = 1
    processes: Annotated[
        int, Setting("processes at once, each with a card of its own; 0 for one a card, or one without cards", least=0)
    ] = 0
    command: Annotated[
        Sequence[str],
        Setting(
            "of kind command: words, with {prompt} or {prompts_file}, {out_dir}, {seed}, {frames}, {fps}, {height}, "
            "{width}, {steps}, {guidance}, {python}"
        ),
    ] = ()
    folder: Annotated[str, Setting("of kind command: the checkout that it is started in")] = ""
    python: Annotated[str, Setting("of kind command: the Python of its own environment")] = "python"
    outputs: Annotated[
        str, Setting("of kind command: which files it leaves in {out_dir}; {index} is a prompt's line, from 0")
    ] = "*.mp4"
    deadline: Annotated[
        Seconds,
        Setting(
            "of kind command: how long it may print nothing and write nothing before it is ended", above=0, unit="s"
        ),
    ] = 3600.0
    licence: Annotated[str, Setting("of the weights")] = ""
    source: Annotated[str, Setting("where frames, fps, height, width, steps and guidance come from")] = ""
    table2: Annotated[str, Setting("its row in HOIGen-1M's table 2")] = ""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kind == "diffusers" and not self.model:
            raise ValueError("model: must be given where kind is diffusers")
        if self.kind == "command":
            words = " ".join(self.command)
            if not self.command or "{out_dir}" not in words or "{prompt" not in words:
                raise ValueError("command: words, with {out_dir} and {prompt} or {prompts_file} among them")


def known() -> Mapping[str, Mapping[str, Any]]:
    """The settings of the models that come with hoigen, by name."""
    text = Path(__file__).with_name("generators.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, Any]] = plain_yaml.loaded(text)
    return found


def generator_of(model: str, sets: Sequence[str] = ()) -> tuple[str, Generator]:
    """A model's name and settings.

    Args:
        model: a name of `known`, a YAML file with the fields of `Generator`, a folder with model_index.json, or the id
            of a repository of the hub.
        sets: changes, as key=value.

    Raises UsageError for what is none of them, for wrong settings, and for a file with a command that nobody asked to
    be run.
    """
    from hoigen.recipe.yaml import apply_sets, load_recipe

    names, path = known(), Path(model).expanduser()
    given: Mapping[str, Any]
    if model in names:
        name, given, where = model, names[model], f"--model {model}"
    elif path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise UsageError(f"--model {model}: no such file")
        name, given, where = path.stem, load_recipe(path), str(path)
        if given.get("kind") == "command":
            trusted.read(path)
    elif path.is_dir() or "/" in model:
        name, given, where = path.resolve().name if path.is_dir() else path.name, {"model": model}, f"--model {model}"
    else:
        raise UsageError(
            f"--model {model!r} is no model that comes with hoigen, no YAML file, no folder and no repository of the "
            f"hub (owner/name){nearest(model, names)}"
        )
    made: Generator = build(Generator, apply_sets(given, sets), where)
    return name, made
