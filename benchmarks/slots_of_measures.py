"""How busy measures that ask keep the slots of a server: a run of `hoi_judgement`, and one of `coarse_hoi` by `mllm`.

python benchmarks/slots_of_measures.py [CLIPS]

Spans of a rendered video, two workers, a loopback server of 16 slots that takes 0.3 to 1.5 s for an answer (lognormal,
median 0.7 s) and is a process of its own. Each run is done twice: as it is, and with one clip at a time for a worker.
Busy: the share of the server's slots in use, by its own count, from its first question to its last answer.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "models" / "experts"))

from fake_chat_server import Body, FakeChatServer, Say
from machine import headline
from slots import SLOTS, latency

import hoigen
from hoigen.stages import scores
from render import pan, render, texture

WORKERS = 2
VERDICT = {"triplets": [], "reason": "Nobody is there.", "interaction": "no", "conspicuous": "no"}
SEEN = {"seen": "Rides.", "action": "ride", "object": "bicycle", "any": "yes", "together": "yes"}


def serve(pipe: Connection) -> None:
    """A server in a process of its own. Sends its URL; when told to stop: calls, the most at once, share busy."""
    chance = random.Random(1)

    def then(body: Body) -> Say:
        asked = str(body["messages"])
        said = json.dumps(SEEN if "together" in asked else VERDICT)
        seen = f"A man rides a bicycle with {chance.getrandbits(32)} written on it along a road."
        text = said if "response_format" in body else seen
        return Say(text=text, latency=latency(chance))

    with FakeChatServer() as server:
        server.then = then
        pipe.send(server.url)
        pipe.recv()
        begin, end = server.timeline[0][0], server.timeline[-1][0]
        pipe.send((len(server.chats), server.peak, server.busy(SLOTS, begin, end)))


def run(folder: Path, videos: Path, measure: Any, clips: int, kind: str) -> None:
    here, there = multiprocessing.get_context("spawn").Pipe()
    multiprocessing.get_context("spawn").Process(target=serve, args=(there,), daemon=True).start()
    url = here.recv()
    began = time.monotonic()
    how: dict[str, Any] = {"shots": "none", "quiet": True, "report": False, "duplicates": "keep"}
    hoigen.curate(videos=videos, run=folder, measures=[measure(url)], workers=WORKERS, **how)
    wall = time.monotonic() - began
    here.send("stop")
    calls, peak, busy = here.recv()
    print(f"{kind:44} {clips:6} {calls:6} {wall:8.1f} {peak:8} {busy:10.1%}", flush=True)


def judgement(url: str) -> dict[str, Any]:
    eyes = {"chat_server": {"url": url, "model": "fake", "slots": SLOTS // 2}}
    judge = {"chat_server": {"url": url, "model": "fake", "slots": SLOTS // 2, "sampling": {"frames": 0}}}
    return {"hoi_judgement": {"describer": eyes, "judge": judge}}


def by_mllm(url: str) -> dict[str, Any]:
    expert = {"chat_server": {"url": url, "model": "fake", "slots": SLOTS}}
    return {"coarse_hoi": {"observer": {"mllm": {"expert": expert}}, "frames": 4, "short_side": 240}}


def main() -> None:
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(headline())
    print("run                                           clips  calls  wall, s  at once       busy")
    own = scores.MOST_TOGETHER
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render(folder / "long.mp4", pan(texture(2, (240, 1100)), 750, (1, 0), (240, 320)))
        spans = [f"long.mp4,{at % 28},{at % 28 + 1 + at / clips / 2}" for at in range(clips)]
        (folder / "list.csv").write_text("\n".join(["uri,start,end", *spans]))
        for most, words in ((1, "one clip a worker"), (own, "as it is")):
            scores.MOST_TOGETHER = most
            for measure in (judgement, by_mllm):
                where = folder / f"{measure.__name__}-{most}"
                run(where, folder / "list.csv", measure, clips, f"{measure.__name__}, {words}")


if __name__ == "__main__":
    main()
