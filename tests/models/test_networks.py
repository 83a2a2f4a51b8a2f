"""Networks in the process that owns the models: loaded once, asked from anywhere in batches, and nothing is lost."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers", reason="extra [models]: make test brings it")

import fake_network  # noqa: E402
from fake_network import notes  # noqa: E402

import hoigen  # noqa: E402
from hoigen.core.errors import AnswerError, GaveUpError, NoRoomError, SetupError, UsageError  # noqa: E402
from hoigen.data.run import Run  # noqa: E402
from hoigen.models import room, uses  # noqa: E402
from hoigen.models.batcher import NetworkService  # noqa: E402
from hoigen.models.host import Host  # noqa: E402
from hoigen.models.room import RemoteNetwork  # noqa: E402
from hoigen.rules import decide  # noqa: E402
from hoigen.rules.cascade import build_steps  # noqa: E402
from hoigen.rules.runfile import steps_of  # noqa: E402
from hoigen.stages.engine import Scorer  # noqa: E402
from hoigen.stages.scores import clip_of  # noqa: E402

pytestmark = pytest.mark.timeout(300)
Stand = Callable[[int], tuple[Host, uses.Network, Path]]


def pictures(number: int, rows: int = 2, side: int = 8) -> Any:
    made = torch.rand(rows, 3, side, side, generator=torch.Generator().manual_seed(number))
    made[:, 0, 0, 0] = number
    return made


def host(*networks: uses.Network, **limits: float) -> Host:
    how = {"load_deadline": 60.0, "deadline": 60.0, **limits}
    return Host(functools.partial(fake_network.setup, *networks), **how)


def at_once(asks: Sequence[Callable[[], Any]]) -> list[Any]:
    """What comes of all of them at the same time, as of the workers of a run; exceptions as they are."""
    found: list[Any] = [None] * len(asks)

    def ask(at: int) -> None:
        try:
            found[at] = asks[at]()
        except Exception as error:
            found[at] = error

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def asked(served: Host, network: uses.Network, numbers: Sequence[int], **more: Any) -> list[Any]:
    remote = RemoteNetwork(served.address, network)
    return at_once([functools.partial(remote, pictures(number), **more) for number in numbers])


def same(found: Any, network: uses.Network, number: int) -> bool:
    return torch.allclose(found, room.load(network)(pictures(number)), atol=1e-5)


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Host, dict[int, Path]]]:
    """One process for the tests that break none, since each reads PyTorch in; a network for each size of batch."""
    folders = {batch: tmp_path_factory.mktemp("standing") for batch in (4, 8, 16, 64)}
    with host(*(fake_network.network(folder, batch) for batch, folder in folders.items())) as served:
        served.start()
        yield served, folders


@pytest.fixture
def stand(standing: tuple[Host, dict[int, Path]]) -> Stand:
    """batch -> that process, its network of that batch, and the network's folder, in which nothing is noted."""

    def found(batch: int) -> tuple[Host, uses.Network, Path]:
        served, folders = standing
        for path in (*folders[batch].glob("*.txt"), folders[batch] / "notes.log"):
            path.unlink(missing_ok=True)
        return served, fake_network.network(folders[batch], batch), folders[batch]

    return found


def test_there_it_says_what_it_says_here(tmp_path: Path) -> None:
    network = fake_network.network(tmp_path)
    here = room.load(network)
    with host(network) as served:
        served.start()
        there = RemoteNetwork(served.address, network)
        assert torch.allclose(there(pictures(1)), here(pictures(1)), atol=1e-6)
        assert there(pictures(1)).dtype == torch.float32
        sums, said = there(pictures(2), method="pair")
        assert torch.allclose(sums, pictures(2).sum((1, 2, 3)))
        assert said.shape == (2, 4)
        items = [(pictures(3, 1, side), torch.ones(side)) for side in (4, 6)]
        assert [len(each) for each in there(items, method="ragged")] == [4, 6]
        assert there(pictures(4).numpy(), method="one_row").shape == (1, 3, 8, 8)
        assert there.facts == here.facts == {"channels": 4}
        assert list(there.ledger) == list(here.ledger)
        assert there.ledger[0]["name"] == "weights.pt"
    assert len(notes(tmp_path, "loaded")) == 2, "once here, once there"


def test_what_waits_together_goes_together_and_is_answered_apart(stand: Stand) -> None:
    """The first call finds an idle network and waits for nobody; the others wait for it, and then go together."""
    served, network, folder = stand(16)
    (folder / "slow.txt").write_text("0.5")
    found = asked(served, network, range(1, 9))
    calls = [int(line.split()[1]) for line in notes(folder, "called")]
    (folder / "slow.txt").unlink()
    assert all(same(each, network, number) for number, each in enumerate(found, 1))
    assert sum(calls) == 16
    assert len(calls) <= 4, "eight items of two rows"
    assert max(calls) >= 6


def test_a_batch_is_no_larger_than_the_description_says(stand: Stand) -> None:
    served, network, folder = stand(4)
    (folder / "slow.txt").write_text("0.1")
    remote = RemoteNetwork(served.address, network)
    sizes = [1, 3, 2, 4, 6, 1]
    found = at_once([functools.partial(remote, pictures(at, rows)) for at, rows in enumerate(sizes, 1)])
    assert [len(each) for each in found] == sizes
    calls = [int(line.split()[1]) for line in notes(folder, "called")]
    assert sum(calls) == sum(sizes)
    assert max(calls) <= 4, "what is larger is asked in parts"


def test_only_what_is_alike_goes_together(stand: Stand) -> None:
    served, network, folder = stand(64)
    (folder / "slow.txt").write_text("0.2")
    remote = RemoteNetwork(served.address, network)
    shapes = [(at, 1, 8 if at % 2 else 10) for at in range(1, 9)]
    found = at_once([functools.partial(remote, pictures(*shape)) for shape in shapes])
    (folder / "slow.txt").unlink()
    here = room.load(network)
    assert all(
        torch.allclose(each, here(pictures(*shape)), atol=1e-5) for each, shape in zip(found, shapes, strict=True)
    )


def test_what_it_raises_costs_its_item_alone(stand: Stand) -> None:
    served, network, folder = stand(64)
    (folder / "raise.txt").write_text("3")
    (folder / "slow.txt").write_text("0.3")
    found = asked(served, network, range(1, 7))
    assert isinstance(found[2], AnswerError)
    assert str(found[2]) == "ValueError: no such number: [3, 3]"
    assert "fake_network.py" in "".join(traceback.format_exception(found[2])), "with where it was raised"
    for name in ("raise.txt", "slow.txt"):
        (folder / name).unlink()
    assert all(same(each, network, number) for number, each in enumerate(found, 1) if number != 3)
    rows = asked(served, network, range(1, 5), method="one_row")
    alone = [each for each in rows if not isinstance(each, Exception)]
    assert len(alone) == 4, "a method that gives no row for each row is asked for one item at a time"
    assert {line.split()[-1] for line in notes(folder, "loaded")} <= {str(os.getpid())}, "there it is what it was"


def test_a_killed_process_costs_nothing(tmp_path: Path) -> None:
    """Ended from without, in the middle of a batch."""
    network = fake_network.network(tmp_path, batch=64)
    (tmp_path / "slow.txt").write_text("1.0")

    def kill() -> None:
        while not notes(tmp_path, "called"):
            time.sleep(0.02)
        time.sleep(0.5)
        os.kill(int(notes(tmp_path, "called")[-1].split()[-1]), signal.SIGKILL)

    with host(network) as served:
        served.start()
        killer = threading.Thread(target=kill)
        killer.start()
        found = asked(served, network, range(1, 7))
        killer.join()
    first = notes(tmp_path, "called")[0].split()[-1]
    calls = [line.split() for line in notes(tmp_path, "called")]
    assert len(notes(tmp_path, "loaded")) == 2
    assert [words[1] for words in calls if words[-1] != first] == ["2"] * 6, (
        "all under way were asked again, one by one"
    )
    assert all(same(each, network, number) for number, each in enumerate(found, 1)), found


@pytest.mark.parametrize(("word", "why"), [("kill", "killed"), ("hang", "answered nothing for 2 s")])
def test_the_one_item_that_always_breaks_it_fails_alone(tmp_path: Path, word: str, why: str) -> None:
    network = fake_network.network(tmp_path, batch=64)
    (tmp_path / f"{word}.txt").write_text("4")
    with host(network, deadline=2.0) as served:
        served.start()
        found = asked(served, network, range(1, 7))
    culprit = found.pop(3)
    (tmp_path / f"{word}.txt").unlink()
    assert isinstance(culprit, GaveUpError)
    assert "ended twice while it was at this question, the second time alone" in str(culprit)
    assert why in str(culprit).lower()
    assert all(same(each, network, number) for each, number in zip(found, (1, 2, 3, 5, 6), strict=True)), found


def test_loading_has_a_deadline_and_a_fault_names_the_measure(tmp_path: Path) -> None:
    network = fake_network.network(tmp_path)
    (tmp_path / "slow_load.txt").write_text("30")
    with host(network, load_deadline=3.0) as served, pytest.raises(SetupError, match=r"after 3 s \(set load_deadline"):
        served.start()
    lost = uses.Network(build="fake_network:nothing", files=network.files)
    with host(lost) as served, pytest.raises(SetupError, match=r"measure 'fake' could not load its model: .*nothing"):
        served.start()


# whole runs

MEASURE = '''
import time
from pathlib import Path

from fake_network import FakeNetwork
from hoigen import Sampling, Score, measure
from hoigen.models import room
from hoigen.models.uses import Network


def built(found):
    made = FakeNetwork(found.path.parent)
    made.note("loaded")
    time.sleep(sum(made.told("slow_load")))
    return made


@measure("fake_shown")
class FakeShown:
    """What a tiny network says of a clip."""

    weights_file: str
    sampling: Sampling = Sampling(frames=3, short_side=16)

    @property
    def networks(self):
        files = (("fake", self.weights_file),)
        return (Network(build=f"{__name__}:built", files=files, device="cpu", batch=64),)

    def load(self):
        room.handle(*self.networks)

    def __call__(self, clip, frames):
        import torch

        number = int(Path(clip.uri).stem)
        folder = Path(self.weights_file).parent
        if (folder / f"stuck_{number}").exists():
            time.sleep(600)
        pictures = torch.from_numpy(frames.images).permute(0, 3, 1, 2).float() / 255
        pictures = pictures * (1 + number / 10)
        pictures[:, 0, 0, 0] = number
        return Score(float(room.handle(*self.networks)(pictures).sum()))
'''


def measures(folder: Path) -> list[Any]:
    (folder / "fake_shown.py").write_text(MEASURE)
    (folder / "weights.pt").touch()
    return [{str(folder / "fake_shown.py"): {"weights_file": str(folder / "weights.pt")}}]


def videos(video: Path, folder: Path, count: int) -> Path:
    folder.mkdir()
    for at in range(1, count + 1):
        (folder / f"{at}.mp4").write_bytes(video.read_bytes() + bytes(at))
    return folder


def curate(folder: Path, shown: Path, run: str = "run", **more: Any) -> dict[int, tuple[float | None, str]]:
    """Number of the video -> its score, and why there is none."""
    how = {"shots": "none", "duplicates": "keep", "report": False, "quiet": True, "workers": 2}
    hoigen.curate(videos=shown, run=folder / run, measures=measures(folder), **{**how, **more})
    made = Run(folder / run)
    rows = decide.connect(made, steps_of(made)[1]).execute("select uri, fake_shown, reason from decided").fetchall()
    return {int(Path(uri).stem): (score, reason or "") for uri, score, reason in rows}


def scored_here(folder: Path, shown: Path) -> dict[int, float | None]:
    """The scores without workers and without a process that owns anything."""
    made = Run(folder / "run")
    scorer = Scorer(build_steps(measures(folder), {}), score_all=True)
    clips = [clip_of(row) for shard in made.clips.shards() for row in made.clips.read(shard)]
    return {int(Path(clip.uri).stem): scorer.score_one(clip).value for clip in clips}


@pytest.mark.parametrize("workers", [3, *(pytest.param(count, marks=pytest.mark.slow) for count in (1, 6))])
def test_a_run_loads_a_network_once_and_scores_as_without_workers(
    tmp_path: Path, tiny_video: Path, workers: int
) -> None:
    shown = videos(tiny_video, tmp_path / "videos", 7)
    found = curate(tmp_path, shown, workers=workers)
    assert len(notes(tmp_path, "loaded")) == 1
    here = scored_here(tmp_path, shown)
    assert len(set(here.values())) == 7, "the numbers matter"
    assert {at: score for at, (score, _) in found.items()} == pytest.approx(here, abs=1e-5)


def test_workers_wait_together_and_are_answered_in_one_batch(tmp_path: Path, tiny_video: Path) -> None:
    shown = videos(tiny_video, tmp_path / "videos", 12)
    measures(tmp_path)
    (tmp_path / "slow.txt").write_text("1.0")
    found = curate(tmp_path, shown, workers=4, deadline=6.0)
    assert all(score is not None for score, _ in found.values()), "waiting is never the clip's time"
    calls = [int(line.split()[1]) for line in notes(tmp_path, "called")]
    assert sum(calls) == 36
    assert len(calls) < 10
    assert max(calls) >= 6, "clips of several workers in one call"


def test_a_killed_owner_costs_a_run_nothing(tmp_path: Path, tiny_video: Path) -> None:
    shown = videos(tiny_video, tmp_path / "videos", 8)
    measures(tmp_path)
    (tmp_path / "kill_once.txt").write_text("4")
    (tmp_path / "slow.txt").write_text("0.2")
    found = curate(tmp_path, shown)
    assert len(notes(tmp_path, "loaded")) == 2
    assert all(score is not None for score, _ in found.values()), found


@pytest.mark.slow
def test_a_clip_that_always_kills_the_owner_has_failed_alone(tmp_path: Path, tiny_video: Path) -> None:
    shown = videos(tiny_video, tmp_path / "videos", 8)
    measures(tmp_path)
    (tmp_path / "kill.txt").write_text("4")
    found = curate(tmp_path, shown)
    assert found.pop(4)[0] is None
    assert all(score is not None for score, _ in found.values()), found
    made = Run(tmp_path / "run")
    asked = "select reason from decided where state = 'failed'"
    [reason] = decide.connect(made, steps_of(made)[1]).execute(asked).fetchone()
    assert "the process of the model ended twice while it was at this question" in reason


@pytest.mark.slow
def test_a_stuck_worker_costs_the_network_nothing(tmp_path: Path, tiny_video: Path) -> None:
    shown = videos(tiny_video, tmp_path / "videos", 6)
    (tmp_path / "stuck_2").touch()
    found = curate(tmp_path, shown, deadline=2.0)
    assert found.pop(2)[0] is None
    assert all(score is not None for score, _ in found.values()), found
    assert len(notes(tmp_path, "loaded")) == 1


def test_the_load_deadline_of_a_recipe_holds(tmp_path: Path, tiny_video: Path) -> None:
    shown = videos(tiny_video, tmp_path / "videos", 1)
    measures(tmp_path)
    (tmp_path / "slow_load.txt").write_text("60")
    with pytest.raises(SetupError, match=r"not loaded after 3 s \(set load_deadline higher\)"):
        curate(tmp_path, shown, load_deadline=3.0)


@pytest.mark.parametrize("kind", ["reversed", "grad", "bfloat16"])
def test_arrays_of_any_make_go_in_here_and_there(stand: Stand, kind: str) -> None:
    served, network, _ = stand(8)
    given: Any = pictures(1)
    if kind == "reversed":
        given = given.numpy()[..., ::-1]
    elif kind == "grad":
        given = given.requires_grad_()
    else:
        given = given.bfloat16()
    there = RemoteNetwork(served.address, network)(given, method="one_row")
    here = room.load(network)(given, method="one_row")
    assert torch.equal(there, here)
    assert not here.requires_grad
    assert here.dtype == torch.float32


def test_an_answer_may_be_a_named_tuple(stand: Stand) -> None:
    served, network, _ = stand(8)
    there = RemoteNetwork(served.address, network)(pictures(1), method="named")
    assert torch.equal(there.sums, room.load(network)(pictures(1), method="named").sums)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("no_such_module:built", "build: module:function; it came as 'no_such_module:built'"),
        ("fake_network:nothing", "has no attribute 'nothing'"),
        ("fake_network", "build: module:function; it came as 'fake_network'"),
        ("fake_network:setup", "build: fake_network:setup gave dict; it has to give a torch module"),
    ],
)
def test_a_wrong_build_is_said_in_a_sentence(build: str, said: str) -> None:
    with pytest.raises(SetupError) as failed:
        room.load(uses.Network(build=build, device="cpu"))
    assert said in str(failed.value)


def test_a_wrong_build_is_said_in_that_sentence_from_there_too() -> None:
    with host(uses.Network(build="fake_network:setup")) as served, pytest.raises(SetupError) as failed:
        served.start()
    assert "build: fake_network:setup gave dict; it has to give a torch module" in str(failed.value)
    assert "Traceback" not in str(failed.value)


@pytest.mark.parametrize(
    ("build", "kind", "said"), [("short", NoRoomError, "no memory"), ("empty", SetupError, "KeyError")]
)
def test_why_a_network_does_not_load_is_told_with_the_measure(build: str, kind: type[SetupError], said: str) -> None:
    served = NetworkService(uses.Network(build=f"fake_network:{build}", device="cpu"), "mine")
    with pytest.raises(SetupError) as failed:
        asyncio.run(served.open())
    assert type(failed.value) is kind
    assert str(failed.value) == f"measure 'mine' could not load its model: {said}"


def test_one_that_leaves_its_process_costs_no_other_its_answer(tmp_path: Path) -> None:
    network = fake_network.network(tmp_path, batch=1)
    (tmp_path / "slow.txt").write_text("0.2")
    with host(network) as served:
        served.start()
        remote = RemoteNetwork(served.address, network)
        asks = [functools.partial(remote, pictures(at)) for at in range(1, 5)]
        left, *found = at_once([functools.partial(remote, pictures(9), method="leave"), *asks])
    assert isinstance(left, GaveUpError)
    assert all(same(each, network, number) for number, each in enumerate(found, 1)), found


@pytest.mark.parametrize("how", [{"options": (("sizes", [1]),)}, {"options": {"size": 1}}, {"files": ("weights.pt",)}])
def test_a_description_that_cannot_be_is_refused_where_it_is_made(how: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="tuples of pairs"):
        uses.Network(build=fake_network.BUILD, **how)
