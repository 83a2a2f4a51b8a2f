"""Model files of strangers: what they carry is not run, and they name no further files."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hoigen.core.errors import SetupError
from hoigen.models import hub, load, tensors

torch = pytest.importorskip("torch")


class Inner(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = torch.nn.Linear(3, 2).half()
        self.register_buffer("steps", torch.tensor(7))
        self.tied = self.line.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.line(x)


class Model(torch.nn.Module):
    """All that TorchScript keeps beside tensors: numbers, texts, lists, modules in a list, code."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleList([Inner(), Inner()])
        self.weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).t())
        self.norm = torch.nn.BatchNorm1d(2)
        self.scale, self.names, self.sizes = 0.5, ["a", "b"], (1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = part(x)
        return x * self.scale


def script(path: Path, module: Any) -> Path:
    torch.jit.save(torch.jit.script(module), str(path))
    return path


def test_torchscript_gives_the_tensors_that_torch_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script(tmp_path / "m.pt", Model())
    wanted = torch.jit.load(str(path)).state_dict()

    def never(*_: object, **__: object) -> None:
        raise AssertionError("torch.jit was asked")

    monkeypatch.setattr(torch.jit, "load", never)
    found = tensors.tensors(tensors.own(str(path)))
    assert set(found) == set(wanted)
    assert all(torch.equal(found[name], wanted[name]) and found[name].dtype == wanted[name].dtype for name in wanted)


class Hostile(torch.nn.Module):
    """Reads a file of the machine as soon as it is loaded by torch.jit."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))
        self.path, self.training = path, False

    @torch.jit.export
    def __getstate__(self) -> tuple[str, bool]:
        return self.path, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, bool]) -> None:
        self.path, self.training = state
        self.weight = torch.from_file(self.path, shared=True, size=4, dtype=torch.uint8).fill_(65)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_code_in_torchscript_is_not_run(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "m.pt"
    victim.write_bytes(b"safe")
    script(path, Hostile(str(victim)))
    with pytest.raises(SetupError, match="a state of its own making"):
        tensors.tensors(tensors.own(str(path)))
    assert victim.read_bytes() == b"safe"
    torch.jit.load(str(path))
    assert victim.read_bytes() == b"AAAA"  # what it would have done


@pytest.mark.parametrize("place", ["constants.pkl", "m/constants.pkl", "other/constants.pkl", "m/sub/constants.pkl"])
def test_no_file_goes_to_torch_jit(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.load hands over what it takes for TorchScript, by rules of its own."""
    path = tmp_path / "m.pth"
    torch.save({"a": torch.ones(2)}, path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(place, b"x")

    def never(*_: object, **__: object) -> None:
        raise AssertionError("torch.jit was asked")

    monkeypatch.setattr(torch.jit, "load", never)
    assert torch.equal(tensors.tensors(tensors.own(str(path)))["a"], torch.ones(2))


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None], compressed: bool = False) -> Path:
    kind = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other := path.with_name("other.pth"), "w", kind) as new:
        for name in old.namelist():
            if (content := change(name, old.read(name))) is not None:
                new.writestr(name, content)
    return other


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name, old: old[:4] if "/data/" in name else old, "shorter than it claims"),
        (lambda name, old: None if "/data/" in name else old, "KeyError"),
        (lambda name, old: None if name.endswith("data.pkl") else old, "0 files data.pkl"),
        (lambda name, old: b"big" if name.endswith("byteorder") else old, "another byte order"),
        (lambda name, old: b"\x80\x02garbage" if name.endswith("data.pkl") else old, "cannot be read as tensors"),
    ],
)
def test_archives_that_lie(change: Any, said: str, tmp_path: Path) -> None:
    torch.save({"a": torch.ones(100)}, tmp_path / "m.pth")
    with pytest.raises(SetupError, match=said):
        tensors.tensors(tensors.own(str(rewritten(tmp_path / "m.pth", change))))


def test_a_bomb_of_zeros(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1 << 20)}, tmp_path / "m.pth")
    bomb = rewritten(tmp_path / "m.pth", lambda name, old: old, compressed=True)
    assert bomb.stat().st_size < 1 << 15
    with pytest.raises(SetupError, match="compressed"):
        tensors.tensors(tensors.own(str(bomb)))


def packed(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


def test_arrays_that_unpack_to_far_more_than_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensors, "LEAST_UNPACKED", 1 << 16)
    honest = packed(tmp_path / "honest.npz", a=np.random.default_rng(1).random(1 << 14, np.float32))
    assert tensors.tensors(tensors.own(str(honest)))["a"].shape == (1 << 14,)
    small = packed(tmp_path / "small.npz", a=np.zeros(1 << 12, np.float32))
    assert not tensors.tensors(tensors.own(str(small)))["a"].any(), "little is never too much"
    bomb = packed(tmp_path / "bomb.npz", a=np.zeros(1 << 20, np.float32))
    came = f"{bomb.stat().st_size:,} bytes unpack to {(1 << 22) + 128:,}; an archive may unpack to 20 times"
    with pytest.raises(SetupError, match=rf"bomb\.npz cannot be read as tensors: .*{came}"):
        tensors.tensors(tensors.own(str(bomb)))


def test_a_pickle_that_unpacks_to_far_more_than_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed tensors are refused as such; the pickle of a checkpoint may be."""
    monkeypatch.setattr(tensors, "LEAST_UNPACKED", 1 << 16)
    torch.save({"a": torch.zeros(1), "notes": "x" * (1 << 20)}, tmp_path / "m.pth")
    with zipfile.ZipFile(tmp_path / "m.pth") as old, zipfile.ZipFile(tmp_path / "b.pth", "w") as new:
        for info in old.infolist():
            packing = zipfile.ZIP_DEFLATED if info.filename.endswith("data.pkl") else zipfile.ZIP_STORED
            new.writestr(info.filename, old.read(info), packing)
    with pytest.raises(SetupError, match=r"b\.pth cannot be read as tensors: .*an archive may unpack to 20 times"):
        tensors.tensors(tensors.own(str(tmp_path / "b.pth")))


def test_arrays_that_claim_to_be_larger_than_they_are(tmp_path: Path) -> None:
    """Memory would be taken for all that is claimed."""
    packed(tmp_path / "m.npz", a=np.zeros(8, np.float32))
    liar = rewritten(tmp_path / "m.npz", lambda name, old: old.replace(b"(8,), }   ", b"(8888,), }"))
    liar = liar.rename(tmp_path / "liar.npz")
    with pytest.raises(SetupError, match=r"a\.npy has 160 bytes and claims to be 35,552"):
        tensors.tensors(tensors.own(str(liar)))


class _Run:
    def __reduce__(self) -> Any:
        return os.system, ("touch victim",)


def test_code_in_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for new in (True, False):
        torch.save({"a": torch.ones(1), "b": _Run()}, tmp_path / "m.pth", _use_new_zipfile_serialization=new)
        with pytest.raises(SetupError, match="no tensors by name"):
            tensors.tensors(tensors.own("m.pth"))
    (tmp_path / "p.pth").write_bytes(pickle.dumps(_Run()))
    (tmp_path / "data.pkl").write_bytes(pickle.dumps(_Run()))
    with zipfile.ZipFile("z.pth", "w") as archive:
        archive.write("data.pkl", "m/data.pkl")
    with tarfile.open("t.pth", "w") as tar:
        for name in ("storages", "tensors", "pickle"):
            tar.add("data.pkl", name)
    for name in ("p.pth", "z.pth", "t.pth"):
        with pytest.raises(SetupError):
            tensors.tensors(tensors.own(name))
    assert not (tmp_path / "victim").exists()


def folder_of_a_model(folder: Path, named: Any, index: str = "model.safetensors.index.json") -> Path:
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    save_file({"a": torch.ones(1)}, folder / "a.safetensors")
    (folder / index).write_text(json.dumps({"metadata": {}, "weight_map": {"a": "a.safetensors", "b": named}}))
    return folder


NAMES = ("x.bin", "../a.safetensors", "/etc/a.safetensors", "sub/a.safetensors", "a.pt", "a.safetensors.bin", "..", "")
ODD = (
    3,
    None,
    ["a.safetensors"],
    {"a": 1},
    "..\\a.safetensors",
    "a\0.safetensors",
    ".safetensors/../x.bin",
    "a.SAFETENSORS",
)


@pytest.mark.parametrize("index", ["model.safetensors.index.json", "other.safetensors.index.json"])
@pytest.mark.parametrize("named", [*NAMES, *ODD])
def test_an_index_names_safetensors_of_its_folder(named: Any, index: str, tmp_path: Path) -> None:
    folder = folder_of_a_model(tmp_path / "m", named, index)
    (folder / "x.bin").write_bytes(pickle.dumps(_Run()))
    shutil.copy(folder / "a.safetensors", tmp_path / "a.safetensors")
    with pytest.raises(SetupError, match=r"weight_map names .*may name \.safetensors files of that folder"):
        hub.resolve(str(folder))


@pytest.mark.parametrize("text", ["[]", "{", '{"weight_map": []}', '{"weight_map": null}', "[" * 5000, "\xff"])
def test_an_index_that_is_none(text: str, tmp_path: Path) -> None:
    folder = folder_of_a_model(tmp_path / "m", "a.safetensors")
    assert hub.resolve(str(folder)).folder == folder
    (folder / "model.safetensors.index.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SetupError, match=r"index\.json cannot be read"):
        hub.resolve(str(folder))


def test_pickles_beside_safetensors_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = pytest.importorskip("transformers")
    monkeypatch.chdir(tmp_path)
    config = transformers.GPT2Config(n_layer=1, n_head=1, n_embd=4, vocab_size=8, n_positions=8)
    folder = tmp_path / "m"
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    torch.save(transformers.GPT2LMHeadModel(config).state_dict(), folder / "pytorch_model.bin")
    assert transformers.AutoModelForCausalLM.from_pretrained(folder)  # transformers itself reads the pickle
    with pytest.raises(SetupError, match="does not load"):
        load.pretrained(transformers.AutoModelForCausalLM, hub.resolve(str(folder)), "model")
    (folder / "other.safetensors").rename(folder / "model.safetensors")
    assert load.pretrained(transformers.AutoModelForCausalLM, hub.resolve(str(folder)), "model")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "/etc"}))
    with pytest.raises(SetupError, match="an adapter"):
        hub.resolve(str(folder))
