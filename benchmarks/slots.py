"""How busy a run keeps the slots of a server: captions of clips against a loopback server with realistic latency.

python benchmarks/slots.py [CLIPS]

First the experts alone. Each clip is a small graph of calls: two drafts at once with eight pictures each, a verdict in
JSON on both, and for three clips in ten a third answer and a rewriting; answers are kept in SQLite. The server takes
0.3 to 1.5 s for an answer (lognormal, median 0.7 s) and is a process of its own, as real ones are. Busy: the share of
its slots in use, by its own count, from the first moment in which all were until the last clip was begun. Limit: 95 %.

Then a whole run: `hoigen caption` with the captioner `single` over spans of a rendered video, decoding in workers and
booking included.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "models" / "experts"))

import numpy as np
from fake_chat_server import Body, FakeChatServer, Say
from machine import headline
from pydantic import BaseModel

from hoigen.core.clip import Clip, Frames, Sampling
from hoigen.models.experts.calls import Calls
from hoigen.models.experts.chat_server import ChatServer
from hoigen.models.experts.desk import Conversation, Desk
from hoigen.models.experts.prompts import Prompt
from render import pan, render, texture

SLOTS = 16
LEAST, MEDIAN, MOST = 0.3, 0.7, 1.5
SPREAD = 0.35
DIFFER = 0.3
SAMPLING = Sampling(frames=8, short_side=448)


class Verdict(BaseModel):
    same: bool


def latency(chance: random.Random) -> float:
    return min(MOST, max(LEAST, chance.lognormvariate(np.log(MEDIAN), SPREAD)))


async def talk_of(talk: Conversation, expert: ChatServer) -> bool:
    """The mixture's graph of calls. False when an answer did not come."""
    name = talk.clip.id
    drafts = await asyncio.gather(
        *(talk.ask(f"draft {at}", expert, Prompt(f"{name}: describe, {at}", "d@1"), sees=True) for at in range(2))
    )
    verdict = await talk.ask("judge", expert, Prompt(f"{name}: the same?", "j@1"), schema=Verdict)
    answers = [*drafts, verdict]
    if verdict.data and not verdict.data["same"]:
        answers.append(await talk.ask("third", expert, Prompt(f"{name}: look again", "t@1"), sees=True))
        answers.append(await talk.ask("rewriting", expert, Prompt(f"{name}: rewrite", "r@1")))
    return all(answer.ok for answer in answers)


async def run(expert: ChatServer, calls: Calls, clips: int, at_once: int) -> int:
    """Captions the clips; how many of them in full."""
    desk, room = Desk(calls), asyncio.Semaphore(at_once)
    images = np.stack(pan(texture(1, (448, 900)), 8, (10, 0), (448, 796)))
    shown = Frames(images, np.arange(8) * 0.5)

    async def one(at: int) -> bool:
        async with room:
            clip = Clip(id=f"clip{at}", uri=f"{at}.mp4", end=4.0, width=1280, height=720, fps=25.0)
            return await talk_of(Conversation(clip, desk, content=str(at), frames={SAMPLING: shown}), expert)

    await expert.open()
    done = await asyncio.gather(*(one(at) for at in range(clips)))
    await expert.close()
    return sum(done)


def serve(pipe: Connection, seed: int) -> None:
    """A server in a process of its own. Sends its URL; when told to stop: calls, the most at once, share busy."""
    chance = random.Random(seed)

    def then(body: Body) -> Say:
        text = json.dumps({"same": chance.random() >= DIFFER}) if "response_format" in body else "word " * 150
        return Say(text=text, latency=latency(chance))

    with FakeChatServer() as server:
        server.then = then
        pipe.send(server.url)
        pipe.recv()
        pipe.send((len(server.chats), server.peak, busy_of(server)))


def busy_of(server: FakeChatServer) -> float:
    starts = [
        when
        for (when, now), (_, before) in zip(server.timeline, [(0.0, 0), *server.timeline], strict=False)
        if now > before
    ]
    asked = [body["messages"][-1]["content"] for body in server.chats]
    begun = [at for at, parts in enumerate(asked) if isinstance(parts, list) and "look again" not in parts[-1]["text"]]
    full = next((when for when, count in server.timeline if count >= SLOTS), starts[0])
    return server.busy(SLOTS, full, starts[begun[-1]])


def measure(clips: int, servers: int, at_once: int) -> None:
    with started(servers) as (urls, found):
        expert = ChatServer(url=urls, model="fake", slots=SLOTS, sampling=SAMPLING)
        with tempfile.TemporaryDirectory() as folder:
            calls = Calls(Path(folder) / "calls")
            began, cpu = time.monotonic(), time.process_time()
            done = asyncio.run(run(expert, calls, clips, at_once))
            wall, cpu = time.monotonic() - began, time.process_time() - cpu
            calls.close()
    assert done == clips, f"{clips - done} clips failed"
    told(f"experts alone, servers: {servers}", clips, found, wall, cpu)


def measure_run(clips: int) -> None:
    import hoigen

    with started(1) as (urls, found), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render(folder / "long.mp4", pan(texture(2, (240, 1100)), 750, (1, 0), (240, 320)))
        spans = [f"long.mp4,{at % 28},{at % 28 + 1 + at / clips / 2}" for at in range(clips)]
        (folder / "list.csv").write_text("\n".join(["uri,start,end", *spans]))
        expert = {"chat_server": {"url": urls[0], "model": "fake", "slots": SLOTS}}
        spec = {"captioner": {"single": {"expert": expert}}}
        (folder / "recipe.yaml").write_text(json.dumps({"caption": spec}))
        about = {"measures": ["metadata"], "keep": {"duration": {"min": 0.5}}, "quiet": True, "report": False}
        hoigen.curate(videos=folder / "list.csv", run=folder / "run", **about)
        began, cpu = time.monotonic(), time.process_time()
        made = hoigen.caption(folder / "run", recipe=folder / "recipe.yaml", quiet=True, report=False)
        wall, cpu = time.monotonic() - began, time.process_time() - cpu
        assert sum(made.paths.values()) == clips, str(made)
    told("a whole run, servers: 1", clips, found, wall, cpu)


@contextlib.contextmanager
def started(servers: int) -> Iterator[tuple[tuple[str, ...], list[tuple[int, int, float]]]]:
    """URLs of as many servers; when the block ends, what each of them counted."""
    spawn = multiprocessing.get_context("spawn")
    pipes = []
    for seed in range(servers):
        here, there = spawn.Pipe()
        spawn.Process(target=serve, args=(there, seed), daemon=True).start()
        pipes.append(here)
    found: list[tuple[int, int, float]] = []
    yield tuple(pipe.recv() for pipe in pipes), found
    for pipe in pipes:
        pipe.send("stop")
        found.append(pipe.recv())


def told(what: str, clips: int, found: list[tuple[int, int, float]], wall: float, cpu: float) -> None:
    assert max(peak for _, peak, _ in found) <= SLOTS
    sent = sum(calls for calls, _, _ in found)
    shares = ", ".join(f"{busy:.1%}" for _, _, busy in found)
    print(f"{what:26} {clips:6} {sent:6} {wall:8.1f} {cpu / sent * 1e3:12.1f}   {shares}", flush=True)


def main() -> None:
    clips = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    print(headline())
    print("                            clips  calls  wall, s  CPU ms/call   slots busy")
    for servers in (1, 2):
        measure(clips * servers, servers, at_once=2 * SLOTS * servers)
    measure_run(3 * clips)


if __name__ == "__main__":
    main()
