"""Measures given as classes or objects: what a recipe would say of them."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen.core.errors import UsageError
from hoigen.core.registry import entry_of
from hoigen.data.run import Run
from hoigen.measures.coarse_hoi import CoarseHoi
from hoigen.measures.metadata import Metadata
from hoigen.measures.motion import Motion
from hoigen.observe.lite import Lite

OWN = '''
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("bright")
class Bright:
    """How bright the first frame is, 0 to 255 times a factor; higher is brighter."""
    factor: float = 1.0
    sampling: Sampling = Sampling(frames=1, short_side=16)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        return Score(self.factor * float(frames.images.mean()))
'''


def test_what_a_recipe_would_say() -> None:
    assert entry_of("measure", Metadata, "m") == "metadata"
    assert entry_of("measure", Metadata(), "m") == "metadata"
    assert entry_of("measure", Motion(preset="fast"), "m") == {"motion": {"preset": "fast"}}
    assert entry_of("measure", "motion", "m") == "motion"
    assert entry_of("measure", {"motion": {}}, "m") == {"motion": {}}
    with pytest.raises(UsageError, match="m: a measure; Lite is of kind observer"):
        entry_of("measure", Lite, "m")


def loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def test_a_class_of_ones_own_is_run_by_its_file(tmp_path: Path, tiny_video: Path) -> None:
    (tmp_path / "bright.py").write_text(OWN)
    own = loaded(tmp_path / "bright.py").Bright
    how: dict[str, Any] = {"shots": "none", "keep": {}, "workers": 1, "quiet": True, "report": False}
    hoigen.curate(tiny_video, tmp_path / "one", measures=[own], **how)
    hoigen.curate(tiny_video, tmp_path / "two", measures=[own(factor=2.0), Metadata], **how)
    [one], [two] = (list(hoigen.table(tmp_path / name)) for name in ("one", "two"))
    assert two["bright"] == pytest.approx(2 * one["bright"])
    assert one["bright"] > 0
    recipe = Run(tmp_path / "two").recipe()
    assert recipe["measures"] == [{str(tmp_path / "bright.py"): {"factor": 2.0}}, "metadata"]


def test_a_class_of_a_notebook_says_what_to_do(tmp_path: Path, tiny_video: Path) -> None:
    notebook = types.ModuleType("__notebook__")
    sys.modules["__notebook__"] = notebook
    exec(OWN, notebook.__dict__)
    with pytest.raises(UsageError, match=r"measures: Bright lies in no file.*save it as bright\.py"):
        hoigen.curate(tiny_video, tmp_path / "run", measures=[notebook.Bright], shots="none", quiet=True)
    assert not (tmp_path / "run").exists()


def test_settings_that_are_plugins_keep_their_names() -> None:
    assert entry_of("measure", CoarseHoi(), "m") == "coarse_hoi"
    given = CoarseHoi(theta=0.3, observer={"lite": {"masks": True}})
    assert entry_of("measure", given, "m") == {"coarse_hoi": {"theta": 0.3, "observer": {"lite": {"masks": True}}}}
