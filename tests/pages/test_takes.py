"""What stands beside a strip of an evaluation's page: how the HOI scores came about."""

from __future__ import annotations

from pathlib import Path

from hoigen import video
from hoigen.core.clip import Clip
from hoigen.pages.takes import take_of


def test_what_hoi_act_is_made_of_stands_beside_the_strip(tiny_video: Path) -> None:
    header = video.probe(str(tiny_video))
    clip = Clip(id="c", uri=str(tiny_video), end=header.duration, width=64, height=48, fps=header.fps)
    detail = {
        "observer": "lite",
        "asked": {"verb": "hold", "object": "cup", "profile": "holds"},
        "handled": 0.625,
        "done": None,
        "moved": 1.0,
        "other": True,
    }
    facts = dict(take_of({clip.uri: clip}, {"hoi_act": {"c": detail}})[clip.uri]["facts"])
    assert facts == {
        "asked": "hold cup",
        "hoi_act": "handled 0.62, moved 1.00; another thing than was asked; observer lite",
    }
    undefined = {"asked": detail["asked"], "reason": "nobody is there"}
    assert dict(take_of({clip.uri: clip}, {"hoi_act": {"c": undefined}})[clip.uri]["facts"]) == {"asked": "hold cup"}
