"""Fetching, checking and reading checkpoints: over real HTTP, from real files."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import http.server
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import seeded

from hoigen.errors import SetupError, UsageError, WeightsError
from hoigen.measures.subject_consistency import SubjectConsistency
from hoigen.models import tensors as tensorfiles
from hoigen.models import urls as checkpoints

torch = pytest.importorskip("torch")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOIGEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("VBENCH_CACHE_DIR", raising=False)
    return tmp_path


@pytest.fixture
def published(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A publisher on this machine, from whom the head of LAION comes."""
    folder = home / "published"
    folder.mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        known = checkpoints.CHECKPOINTS["laion_v1_vitl14"]
        url = f"http://127.0.0.1:{server.server_address[1]}/{known.file}"
        sha256 = hashlib.sha256(b"weights").hexdigest()
        monkeypatch.setitem(
            checkpoints.CHECKPOINTS,  # type: ignore[arg-type]
            "laion_v1_vitl14",
            dataclasses.replace(known, url=url, sha256=sha256),
        )
        yield folder / known.file
        server.shutdown()


def test_fetched_once_and_checked(published: Path) -> None:
    published.write_bytes(b"weights")
    found = checkpoints.locate("laion_v1_vitl14")
    assert found.path.read_bytes() == b"weights"
    assert found.ledger == {
        "name": published.name,
        "sha256": hashlib.sha256(b"weights").hexdigest(),
        "licence": "MIT",
    }
    published.unlink()
    assert checkpoints.locate("laion_v1_vitl14") == found


def test_another_file_is_refused_and_not_kept(published: Path, home: Path) -> None:
    published.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="gave another file"):
        checkpoints.locate("laion_v1_vitl14")
    assert not [path for path in (home / "home").rglob("*") if path.is_file()]


def test_a_damaged_file_is_named(published: Path, home: Path) -> None:
    published.write_bytes(b"weights")
    path = checkpoints.locate("laion_v1_vitl14").path
    path.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"is not the published .*Delete it"):
        checkpoints.locate("laion_v1_vitl14")


def test_what_cannot_be_had_says_from_where_and_to_where(published: Path, home: Path) -> None:
    with pytest.raises(WeightsError) as told:
        checkpoints.locate("laion_v1_vitl14")
    assert "http://127.0.0.1" in str(told.value)
    assert str(home / "home" / "vbench" / published.name) in str(told.value)
    assert "404" in str(told.value)


def test_taken_from_where_vbench_has_it(published: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = home / "elsewhere" / "aesthetic_model" / "emb_reader" / published.name
    place.parent.mkdir(parents=True)
    place.write_bytes(b"weights")
    monkeypatch.setenv("VBENCH_CACHE_DIR", str(home / "elsewhere"))
    assert checkpoints.locate("laion_v1_vitl14").path == place


def test_licences_that_are_not_free_are_told() -> None:
    for name, known in checkpoints.CHECKPOINTS.items():
        told = checkpoints.notice(name)
        assert bool(told) != known.free
        assert known.free or (known.licence in told and known.note in told)
    assert "commercial" in checkpoints.notice("amt_s")
    assert "commercial" in checkpoints.notice("musiq_spaq")
    assert not checkpoints.notice("amt_s", "/my/own.pth")


def test_no_such_file_is_a_usage_error(tmp_path: Path) -> None:
    measure = SubjectConsistency(checkpoint=str(tmp_path / "none.pth"))
    with pytest.raises(UsageError, match=r"checkpoint: no such file: .*none\.pth"):
        measure.load()


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.pth"
    torch.save(seeded.tensors("clip_b32"), path)
    with pytest.raises(SetupError, match=r"clip\.pth: no pos_embed.*another model"):
        SubjectConsistency(checkpoint=str(path)).load()


def test_lacking_strange_and_misshapen_weights_are_named(tmp_path: Path) -> None:
    state = seeded.tensors("dino")
    del state["norm.bias"]
    state["head.weight"] = torch.zeros(3)
    state["norm.weight"] = torch.zeros(5)
    path = tmp_path / "bad.pth"
    torch.save(state, path)
    with pytest.raises(SetupError, match=r"lacking \(norm\.bias\); 1 left over \(head\.weight\); 1 of another shape"):
        SubjectConsistency(checkpoint=str(path)).load()


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
        SubjectConsistency(checkpoint=str(path)).load()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["eval", "system", "FloatStorage.from_file", "load"])
def test_no_function_is_looked_up(name: str) -> None:
    from hoigen.models.pickles import Nothing, Unpickler

    for module in ("builtins", "os", "torch", "torch.hub"):
        assert Unpickler(io.BytesIO()).find_class(module, name) is Nothing


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
    read = tensorfiles.tensors(checkpoints.locate("amt_s", str(path)), "state_dict")
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
        found = checkpoints.locate("dino_vitb16", str(tmp_path / name))
        read = tensorfiles.tensors(found, "state_dict")
        assert set(read) == {"visual.weight", "visual.bias"}
        assert torch.equal(read["visual.weight"], made.visual.weight)


def test_the_score_is_filed_under_the_content_of_the_checkpoint(tmp_path: Path) -> None:
    from hoigen.cascade import fingerprint

    one, same, other = tmp_path / "1.pth", tmp_path / "2.pth", tmp_path / "3.pth"
    one.write_bytes(b"a"), same.write_bytes(b"a"), other.write_bytes(b"b")
    prints = [fingerprint(SubjectConsistency(checkpoint=str(path))) for path in (one, same, other)]
    assert prints[0] == prints[1] != prints[2]
    assert fingerprint(SubjectConsistency(batch=1)) == fingerprint(SubjectConsistency(batch=4, device="cpu"))
    assert fingerprint(SubjectConsistency(dtype="float16")) != fingerprint(SubjectConsistency())
