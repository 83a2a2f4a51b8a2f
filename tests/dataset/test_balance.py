"""hoigen balance: how large quotas are, who is in which group, that it is a rule and nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest
from counted import CLIPS, STEPS, counted

from hoigen.commands.balance import balance
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.dataset.balance import quotas_of
from hoigen.rules import decide

SIZES = {"a": 1000, "b": 100, "c": 10, "d": 1}


def ends(run: Run) -> dict[str, str]:
    rows = decide.connect(run, STEPS).execute("select id, coalesce(reason, '') from decided").fetchall()
    return dict(rows)


def test_plain_quotas_are_alike_and_fill_the_total() -> None:
    found = quotas_of(SIZES, "plain", None, 300)
    assert len(set(found.values())) == 1
    stay = sum(min(SIZES[group], quota) for group, quota in found.items())
    assert 298 <= stay <= 300
    assert quotas_of(SIZES, "plain", 7, None) == dict.fromkeys(SIZES, 7)


def test_quotas_of_sqrt_go_by_the_root_of_the_size() -> None:
    found = quotas_of(SIZES, "sqrt", None, 60)
    assert found["a"] / found["b"] == pytest.approx(10**0.5, rel=0.1)
    assert sum(min(SIZES[group], quota) for group, quota in found.items()) in range(56, 61)
    assert all(quota >= 1 for quota in found.values()), "no group is lost"
    whole = quotas_of(SIZES, "sqrt", None, 5000)
    assert all(whole[group] >= size for group, size in SIZES.items())


def test_a_total_that_would_lose_groups_is_refused() -> None:
    with pytest.raises(UsageError, match="--clips 3: there are 4 groups"):
        quotas_of(SIZES, "sqrt", None, 3)


def test_a_clip_counts_for_its_rarest_interaction(tmp_path: Path) -> None:
    run = counted(tmp_path)
    found = balance(run.path, quota=1).found
    assert found is not None
    assert found.groups == {
        "hold cup": (2, 1),
        "carry cup": (1, 1),
        "cut bread": (1, 1),
        "none found": (1, 1),
    }, "b cuts bread and holds a knife, both once: the first in the alphabet; f is dropped"
    assert found.alone == 1
    reasons = ends(run)
    assert {reasons["a"], reasons["c"]} == {"", "balance: hold cup: 1 of 2 stay (plain, by interaction, seed 0)"}
    assert reasons["f"].startswith("motion")


def test_the_seed_decides_and_the_same_seed_decides_alike(tmp_path: Path) -> None:
    run = counted(tmp_path)
    chosen = []
    for seed in (*range(8), 0):
        balance(run.path, quota=1, seed=seed)
        chosen.append("a" if ends(run)["a"] == "" else "c")
    assert set(chosen) == {"a", "c"}
    assert chosen[0] == chosen[-1]


def test_groups_by_source_by_video_and_by_a_table(tmp_path: Path) -> None:
    run = counted(tmp_path / "run")
    by_source = balance(run.path, by="source", quota=1).found
    assert by_source is not None
    assert by_source.groups == {"own": (2, 1), "pexels": (2, 1), "none found": (1, 1)}
    by_video = balance(run.path, by="video", quota=1).found
    assert by_video is not None
    assert by_video.stay == 5, "what another balance left out comes to it again"
    table = tmp_path / "clusters.csv"
    table.write_text("id,cluster\na,1\nb,1\nc,1\nd,2\ne,2\n")
    found = balance(run.path, by=str(table), how="sqrt", clips=3).found
    assert found is not None
    assert found.groups == {"1": (3, 2), "2": (2, 1)}


def test_it_can_be_taken_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = counted(tmp_path)
    before = ends(run)
    assert main(["balance", str(run.path), "--quota", "1"]) == 0
    assert "4 of 5 clips stay, of 4 groups" in capsys.readouterr().out
    assert ends(run) != before
    assert main(["balance", str(run.path), "--off"]) == 0
    assert ends(run) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({}, "give --quota .* or --clips"),
        ({"quota": 1, "clips": 2}, "one of the two"),
        ({"quota": 0}, "--quota: 1 or more; it came as 0"),
        ({"quota": 1, "seed": -1}, "--seed: 0 or more"),
        ({"quota": 1, "how": "sqrt"}, "--how sqrt goes with --clips"),
        ({"quota": 1, "how": "cube"}, "--how: one of plain, sqrt"),
        ({"quota": 1, "by": "interactoin"}, "--by interactoin: one of .*did you mean 'interaction'"),
        ({"clips": 2}, "there are 4 groups"),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, words: dict[str, object], said: str) -> None:
    run = counted(tmp_path)
    with pytest.raises(UsageError, match=said):
        balance(run.path, **words)  # type: ignore[arg-type]
    assert not (run.path / "sets").exists()


def test_without_categories_it_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no categories yet; hoigen categories"):
        balance(counted(tmp_path, categories=False).path, quota=1)
    assert len(CLIPS) == 6
