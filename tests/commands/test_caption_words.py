"""What becomes of words that are no descriptions, over HTTP: marks, stops, and what is asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fake_chat_server import FakeChatServer, Say

import hoigen
from hoigen.data.run import Run
from hoigen.stages.captioned import OF_MANY, caption_rows
from run_folders import curated


def prepared(folder: Path, video: Path, url: str, clips: int, **more: Any) -> Path:
    """A run of many stretches of one video, all kept, that one expert of a server describes; its folder."""
    lines = [f"{video},{i * 0.04:.3f},{i * 0.04 + 0.4:.3f}" for i in range(clips)]
    (folder / "list.csv").write_text("\n".join(["uri,start,end", *lines]) + "\n")
    served = {"url": url, "model": "fake", "sampling": {"frames": 1, "short_side": 32}, "tries": 1, "slots": 2, **more}
    spec = {"captioner": {"single": {"expert": {"chat_server": served}}}}
    curated(videos=folder / "list.csv", run=folder / "run", shard_size=5, caption=spec)
    return folder / "run"


def caption(run: Path, **how: Any) -> Any:
    return hoigen.caption(run, **{"workers": 1, "quiet": True, **how})


def test_a_text_of_many_clips_is_marked_and_a_text_of_its_own_is_not(tmp_path: Path, tiny_video: Path) -> None:
    own = "A child stacks five wooden blocks on a carpet and knocks them over again."
    with FakeChatServer() as server:
        server.script = [Say(text=own)]
        server.then = lambda body: Say(text="A man in a blue shirt lifts a cup and drinks from it slowly.")
        run = prepared(tmp_path, tiny_video, server.url, 7)
        result = caption(run)
        assert result.doubtful == {OF_MANY: 6}
        assert f"     6 doubtful: {OF_MANY}" in str(result)
        assert caption(run).doubtful == {OF_MANY: 6}, "told once, however often it is run"
    rows = {row["text"] == own: row["reason"] for row in caption_rows(Run(run))}
    assert rows == {True: None, False: OF_MANY}
    hoigen.table(run, out=tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text().count(OF_MANY) == 6
    assert (run / "report.html").read_text().count(f"doubtful: {OF_MANY}") >= 1
    marked = next(row["id"] for row in caption_rows(Run(run)) if row["reason"])
    assert f"doubtful: {OF_MANY}" in str(hoigen.show(run, marked))
