"""How a run is shared out among ranks, and that all who share it do so alike."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hoigen.core.errors import UsageError
from hoigen.work import ranks
from hoigen.work.ranks import Rank, one_division

HOLDS = """
import sys
from pathlib import Path
from hoigen.work.ranks import Rank, one_division
with one_division(Path(sys.argv[1]), Rank(0, int(sys.argv[2]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_every_shard_is_one_ranks() -> None:
    for of in (1, 2, 5):
        assert [[number for number in range(of) if Rank(number, of).mine(shard)] for shard in range(11)] == [
            [shard % of] for shard in range(11)
        ]


def test_those_at_work_share_a_run_among_one_number_of_ranks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "PATIENCE", 0.2)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path), "3"], text=True, **pipes) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with one_division(tmp_path, Rank(1, 3)), one_division(tmp_path, Rank(2, 3)):
            pass
        refused = pytest.raises(UsageError, match=r"share it among 3 parts; this one came with part 0/2\.")
        with refused, one_division(tmp_path, Rank(0, 2)):
            pytest.fail("not while others divide it otherwise")
        other.communicate("")
    for of in (2, 11, 1):  # whoever comes when nobody is at work says how
        with one_division(tmp_path, Rank(0, of)):
            pass
