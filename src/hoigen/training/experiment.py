"""An experiment as a file has it: a model before and after it was trained, on the same prompts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting, check_fields
from hoigen.recipe.build import build
from hoigen.recipe.yaml import apply_sets, load_recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One training: on which clips, with which words, how."""

    name: Annotated[str, Setting("of the model that comes of it")]
    data: Annotated[str, Setting("the clips: a folder with metadata.jsonl")]
    captions: Annotated[str, Setting("other captions for them; empty for their own")] = ""
    set: Annotated[Mapping[str, Any], Setting("settings of hoigen finetune")] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What is trained, asked and measured."""

    model: Annotated[str, Setting("as of hoigen generate")]
    prompts: Annotated[str, Setting("the suite")]
    arms: Annotated[Sequence[Arm], Setting("the trainings")]
    base: Annotated[str, Setting("the name of the model as it is")] = "base"
    generate: Annotated[Mapping[str, Any], Setting("settings of hoigen generate")] = field(default_factory=dict)
    samples: Annotated[int, Setting("videos of each prompt", least=1)] = 1
    seed: Annotated[int, Setting("of the videos", least=0)] = 0
    long: Annotated[bool, Setting("ask with the long prompts")] = False
    evaluate: Annotated[str, Setting("the recipe of hoigen evaluate")] = "evaluate"
    evaluate_set: Annotated[Sequence[str], Setting("changes of that recipe, as key=value")] = ()
    rank: Annotated[str, Setting("the number that best and worst go by; empty for that of the run")] = ""
    paper: Annotated[bool, Setting("HOIGen-1M's own numbers beside")] = True
    shown: Annotated[int, Setting("prompts on the page of videos", least=1)] = 12

    def __post_init__(self) -> None:
        check_fields(self)
        names = [self.base, *(arm.name for arm in self.arms)]
        if not self.arms:
            raise ValueError("arms: at least one training")
        if len({name.lower() for name in names}) < len(names):
            raise ValueError(f"arms: names that differ; they came as {', '.join(names)}")
        for name in names:
            if not name.strip() or "/" in name or name.startswith("."):
                raise ValueError(f"arms: the name of a folder; it came as {name!r}")


def read_experiment(path: Path, sets: Sequence[str]) -> Experiment:
    """An experiment's file.

    Args:
        path: of YAML; files that it names lie beside it, or in the working directory.
        sets: changes, as key=value.

    Raises UsageError.
    """
    if not path.is_file():
        raise UsageError(f"no such file: {path}")
    made: Experiment = build(Experiment, apply_sets(load_recipe(path), sets), str(path))
    return made


def pairs(settings: Mapping[str, Any]) -> list[str]:
    """Settings as key=value, for `--set`."""
    return [f"{key}={json.dumps(value)}" for key, value in settings.items()]
