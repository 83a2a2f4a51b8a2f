"""Reading checkpoints: from real files, without running what they carry."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import pytest
import seeded

from hoigen.core.errors import SetupError, UsageError
from hoigen.measures.subject_consistency import SubjectConsistency
from hoigen.models import files, room, tensors

torch = pytest.importorskip("torch")


def test_no_such_file_is_a_usage_error(tmp_path: Path) -> None:
    measure = SubjectConsistency(checkpoint=str(tmp_path / "none.pth"))
    with pytest.raises(UsageError, match=r"checkpoint: no such file: .*none\.pth"):
        room.handle(*measure.networks)


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.pth"
    torch.save(seeded.tensors("clip_b32"), path)
    with pytest.raises(SetupError, match=r"clip\.pth: no pos_embed.*another model"):
        room.handle(*SubjectConsistency(checkpoint=str(path)).networks)


def test_lacking_strange_and_misshapen_weights_are_named(tmp_path: Path) -> None:
    state = seeded.tensors("dino")
    del state["norm.bias"]
    state["head.weight"] = torch.zeros(3)
    state["norm.weight"] = torch.zeros(5)
    path = tmp_path / "bad.pth"
    torch.save(state, path)
    with pytest.raises(SetupError, match=r"lacking \(norm\.bias\); 1 left over \(head\.weight\); 1 of another shape"):
        room.handle(*SubjectConsistency(checkpoint=str(path)).networks)


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.write_text, (self.path, "x"))


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_pickle_is_not_run(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"a": _Evil(tmp_path / "ran")}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(SetupError, match="holds no tensors by name"):
        room.handle(*SubjectConsistency(checkpoint=str(path)).networks)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["eval", "system", "FloatStorage.from_file", "load"])
def test_no_function_is_looked_up(name: str) -> None:
    from hoigen.models.tensors import _Nothing, _Unpickler

    for module in ("builtins", "os", "torch", "torch.hub"):
        assert _Unpickler(io.BytesIO()).find_class(module, name) is _Nothing


class _Settings(dict[str, object]):
    """What a training loop leaves in its checkpoint: a class of its own with items and state."""

    def __init__(self, **named: object) -> None:
        super().__init__(named)
        self.more = [argparse.Namespace(lr=1e-4), np.float64(3.5), {1, 2}]


@pytest.mark.parametrize("zipped", [True, False])
def test_what_training_left_behind_is_passed_over(tmp_path: Path, zipped: bool) -> None:
    weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3))
    left = {"epoch": 3, "config": _Settings(a=1, b=_Settings()), "best": np.float64(31.5), "of": Path("x")}
    path = tmp_path / "trained.pth"
    held = {"state_dict": {"a": weight, "half": torch.ones(2).half(), "count": torch.tensor(3)}}
    torch.save(held | left, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(path, weights_only=True)
    read = tensors.tensors(files.locate("amt_s", str(path)), "state_dict")
    assert torch.equal(read["a"], weight)
    assert read["half"].dtype == torch.float16
    assert int(read["count"]) == 3


class _Holder(torch.nn.Module):
    """Tensors as TorchScript keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.visual = torch.nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.visual(x)


def test_torchscript_and_safetensors_are_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    made = _Holder()
    torch.jit.save(torch.jit.script(made), str(tmp_path / "jit.pt"))
    torch.save({"state_dict": {f"module.{k}": v for k, v in made.state_dict().items()}}, tmp_path / "plain.pth")
    save_file(made.state_dict(), str(tmp_path / "plain.safetensors"))
    for name in ("jit.pt", "plain.pth", "plain.safetensors"):
        found = files.locate("dino_vitb16", str(tmp_path / name))
        read = tensors.tensors(found, "state_dict")
        assert set(read) == {"visual.weight", "visual.bias"}
        assert torch.equal(read["visual.weight"], made.visual.weight)


def test_the_score_is_filed_under_the_content_of_the_checkpoint(tmp_path: Path) -> None:
    from hoigen.models.fingerprint import fingerprint

    one, same, other = tmp_path / "1.pth", tmp_path / "2.pth", tmp_path / "3.pth"
    one.write_bytes(b"a"), same.write_bytes(b"a"), other.write_bytes(b"b")
    prints = [fingerprint(SubjectConsistency(checkpoint=str(path))) for path in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]
    assert fingerprint(SubjectConsistency(batch=1)) == fingerprint(SubjectConsistency(batch=4, device="cpu"))
    assert fingerprint(SubjectConsistency(dtype="float16")) != fingerprint(SubjectConsistency())
