"""What the review app does in how much time: a large project, many people at once, and from a key to the next clip.

python benchmarks/review.py queue [CLIPS]     a run of CLIPS clips (1,000,000 unless told) as a project: begun, opened
                                              again, claimed from, answered by 8 processes, each answer committed alone
python benchmarks/review.py served [CLIPS]    8 people over real HTTP, one server process, one answer a request; small
                                              files of all clips are there (empty ones), as --prepare leaves them
python benchmarks/review.py pages [CLIPS]     pages over HTTP, of a run of CLIPS clips (1,000,000 unless told) that all
                                              have an answer, and while somebody claims and answers
python benchmarks/review.py frames [CLIPS]    Chromium: 200 clips of 720p (made here), no cache, keep each 0.9 s:
                                              from the key to the next clip's first frame on the screen

--folder DIR   where the run is made (a temporary folder unless told); --database URL for PostgreSQL.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

PEOPLE = 8
SECONDS = 10.0
TURNS = 10
Series = tuple[list[float], list[float]]
"""Seconds of claims, and of answers."""


def large_run(path: Path, clips: int) -> None:
    """A run whose clips are all kept; its videos do not exist."""
    import large_run as large
    import yaml

    from hoigen.data.run import Run, ShardRange

    large.MEASURES, large.KEEP = ("hoi_lite",), {"hoi_lite": {"min": 0.1}}
    run = Run(path)
    path.mkdir(parents=True)
    recipe = {"videos": "/data/videos", "measures": ["hoi_lite"], "keep": large.KEEP, "score_all": True}
    run.recipe_file.write_text(yaml.safe_dump({"hoigen": "0", "recipe": recipe | {"shard_size": 256}}))
    size, each = large.SHARD["compacted"], large.CLIPS_A_VIDEO
    ends = [(first, min(first + size, clips)) for first in range(0, clips, size)]
    run.write_shards([ShardRange(i, a // each, -(-b // each), b - a, 1 << 30) for i, (a, b) in enumerate(ends)])
    for at in (-1, 0):
        large.write_table(path, at, clips, "compacted")


def told(name: str, seconds: list[float], unit: float = 1000.0) -> None:
    """One line of a series."""
    p50, p95, most = np.percentile(seconds, [50, 95, 100]) * unit
    print(f"{name:52} n {len(seconds):5d}   p50 {p50:8.2f}   p95 {p95:8.2f}   max {most:8.2f} ms", flush=True)


def flat_out(path: Path, database: str | None, name: str, seconds: float) -> Series:
    """One person: claims twenty, answers each in a transaction of its own, as fast as it goes."""
    from hoigen.data.run import Run
    from hoigen.review import people, project, queue

    opened = project.opened(Run(path), database)
    number = people.start(opened.db, name, "annotator")[0].id
    claims, answers = [], []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        rows = queue.claim(opened.db, number, "keep", gold_share=0.0)
        claims.append(time.perf_counter() - began)
        for row in rows:
            began = time.perf_counter()
            said = {"id": str(uuid.uuid4()), "item": row["item"], "value": "keep"}
            assert queue.answer(opened.db, number, [said], app="benchmark").saved
            answers.append(time.perf_counter() - began)
    return claims, answers


def queue_figures(path: Path, clips: int, database: str | None) -> None:
    """A large project on the database itself."""
    from hoigen.data.run import Run
    from hoigen.review import people, project, queue

    run = Run(path)
    for name in ("begun: all clips into the database", "opened again"):
        began, cpu = time.perf_counter(), time.process_time()
        opened = project.begin(run, database)
        counts = opened.counts("keep")
        wall, used = time.perf_counter() - began, time.process_time() - cpu
        print(f"{name:52} {wall:7.2f} s wall, {used:7.2f} s CPU   ({sum(counts.values()):,} items)", flush=True)
    numbers = [people.start(opened.db, f"p{i}", "annotator")[0].id for i in range(PEOPLE)]
    claims, cpus = [], []
    for turn in range(200):  # with what has been answered, lent and left behind
        began, cpu = time.perf_counter(), time.process_time()
        rows = queue.claim(opened.db, numbers[turn % PEOPLE], "keep", gold_share=0.0)
        claims.append(time.perf_counter() - began)
        cpus.append(time.process_time() - cpu)
        if turn % 3:
            said = [{"id": str(uuid.uuid4()), "item": row["item"], "value": "keep"} for row in rows]
            queue.answer(opened.db, numbers[turn % PEOPLE], said, app="benchmark")
    told("a claim of 20, one after the other", claims)
    told("  of it, CPU", cpus)
    opened.db.close()
    with ProcessPoolExecutor(PEOPLE, multiprocessing.get_context("spawn")) as pool:
        found = list(
            pool.map(flat_out, *zip(*[(path, database, f"p{i}", SECONDS) for i in range(PEOPLE)], strict=True))
        )
    total = sum(len(answers) for _, answers in found)
    print(f"{PEOPLE} processes flat out for {SECONDS:g} s: {total / SECONDS:.0f} decisions/s, each committed alone")
    told("  a claim of 20", [s for claims, _ in found for s in claims])
    told("  an answer", [s for _, answers in found for s in answers])
    opened = project.opened(run, database)
    import sqlalchemy as sa

    from hoigen.review import tables as t

    with opened.db.read() as con:
        pairs = con.execute(
            sa.select(sa.func.count(), sa.func.count(sa.distinct(t.verdict.c.id))).select_from(t.verdict)
        ).one()
        over = con.execute(sa.select(sa.func.count()).where(t.item.c.given > t.item.c.need)).scalar()
    print(f"verdicts {pairs[0]}, of them distinct {pairs[1]}; clips with more votes than wanted: {over}")


def server_of(path: Path, database: str | None) -> tuple[subprocess.Popen[str], str]:
    """A server process, and the link that it prints."""
    how = ["--database", database] if database else []
    command = [sys.executable, "-m", "hoigen", "review", str(path), "--port", "0", *how]
    said = path.parent / "server.log"
    with said.open("w") as log:  # a pipe that nobody reads would stop it once it is full
        server = subprocess.Popen(command, stderr=log, text=True)
    for _ in range(600):
        if found := re.search(r"Open (\S+)", said.read_text()):
            return server, found[1]
        time.sleep(0.1)
    server.kill()
    raise SystemExit(f"the server did not start: {said.read_text()}")


def cpu_of(pid: int) -> float:
    """CPU seconds of a process of this machine so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def one_person(address: str, secret: str, start: float, seconds: float) -> Series:
    """One person over HTTP with one connection, as a browser has it: takes an invitation up, begins at a time."""
    import http.client
    import json

    host = address.split("/")[2]
    con = http.client.HTTPConnection(host)
    kind = {"content-type": "application/x-www-form-urlencoded"}
    con.request("POST", f"/invite/{secret}", "password=a+long+password&again=a+long+password", kind)
    first = con.getresponse()
    first.read()
    cookie = str(first.headers["set-cookie"]).split(";")[0]
    con.request("GET", "/", headers={"cookie": cookie})
    token = re.search(rb'name="csrf" value="(\w+)"', con.getresponse().read())
    assert token
    headers = {"cookie": cookie, "x-csrf": token[1].decode(), "content-type": "application/json"}

    # as few of this machine's cycles as can be: browsers are elsewhere
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers | {"host": host}).items())

    def ask(path: str, body: Any) -> Any:
        sent = json.dumps(body)
        sock.sendall(f"POST {path} HTTP/1.1\r\n{lines}content-length: {len(sent)}\r\n\r\n{sent}".encode())
        came = b""
        while (end := came.find(b"\r\n\r\n")) < 0:
            came += sock.recv(65536)
        assert came.startswith(b"HTTP/1.1 200"), came
        length = int(re.search(rb"content-length: (\d+)", came)[1])  # type: ignore[index]
        while len(came) < end + 4 + length:
            came += sock.recv(65536)
        return json.loads(came[end + 4 :])

    claims, answers = [], []
    con.close()
    time.sleep(max(0.0, start - time.time()))
    name, port = host.split(":")
    sock = socket.create_connection((name, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        rows = ask("/api/claim", {"question": "keep"})["items"]
        claims.append(time.perf_counter() - began)
        for row in rows:
            began = time.perf_counter()
            said = {"id": str(uuid.uuid4()), "item": row["item"], "value": "keep"}
            ask("/api/answers", {"answers": [said]})
            answers.append(time.perf_counter() - began)
    return claims, answers


def prepare(path: Path, database: str | None) -> None:
    """Empty files in place of those that `--prepare` makes."""
    import sqlalchemy as sa

    from hoigen.data.run import Run
    from hoigen.review import project, proxies
    from hoigen.review import tables as t

    begun = project.begin(Run(path), database)
    proxies.folder_of(begun.run).mkdir(parents=True, exist_ok=True)
    with begun.db.read() as con:
        for row in con.execute(sa.select(t.clip)).mappings():
            for file in proxies.files(begun.run, dict(row)):
                file.touch()
    begun.db.close()


def served_figures(path: Path, database: str | None) -> None:
    """Many people over HTTP, each with an account."""
    from hoigen.data.run import Run
    from hoigen.review import people, project

    prepare(path, database)
    begun = project.begin(Run(path), database)
    run = uuid.uuid4().hex[:6]
    secrets = [people.invite(begun.db, f"{run} {at}", by="benchmark") for at in range(PEOPLE)]
    begun.db.close()
    server, address = server_of(path, database)
    try:
        with ProcessPoolExecutor(PEOPLE, multiprocessing.get_context("spawn")) as pool:
            start = time.time() + 8
            pending = [pool.submit(one_person, address, secret, start, SECONDS) for secret in secrets]
            time.sleep(start - time.time())
            before = cpu_of(server.pid)
            found = [each.result() for each in pending]
        used = cpu_of(server.pid) - before
        total = sum(len(answers) for _, answers in found)
        load = os.getloadavg()[0]
        print(
            f"{PEOPLE} people for {SECONDS:g} s: {total / SECONDS:.0f} requests with one answer each/s; load {load:.1f}"
        )
        print(f"  CPU of the server: {1000 * used / total:.2f} ms for each answer, claims in it")
        told("  a claim of 20", [s for claims, _ in found for s in claims])
        told("  an answer", [s for _, answers in found for s in answers])
    finally:
        server.terminate()
        server.wait()


def answer_all(path: Path, database: str | None) -> None:
    """Votes of seven people on all clips, 2,000 of them gold; written as they would lie there."""
    from hoigen.data.run import Run
    from hoigen.review import gold, people, project

    db = project.opened(Run(path), database).db
    for at in range(7):
        people.start(db, f"p{at}", "annotator")
    with db.read() as con:
        some = [row[0] for row in con.exec_driver_sql("select clip from item order by id limit 2000")]
    gold.set_gold(db, "keep", {name: ("drop" if at % 2 else "keep") for at, name in enumerate(some)})
    one = "cast((i.id * 40503 % 65536) as integer) % 7 + 1"
    wrong = "(item * 31 + person * 17) % 100 < 3"
    seven = " union all ".join(f"select {at} as number" for at in range(1, 8))
    said = f"""
        select i.id as item, i.clip, {one} as person, 1 as n, i.chance, i.expected, c.score from item i
            join clip c on c.id = i.clip where i.state = 0
        union all select i.id, i.clip, ({one} + 1 + i.id % 5) % 7 + 1, 2, i.chance, i.expected, c.score from item i
            join clip c on c.id = i.clip where i.state = 0 and i.need > 1
        union all select i.id, i.clip, p.number, 1, i.chance, i.expected, c.score from item i
            join clip c on c.id = i.clip cross join ({seven}) as p where i.state = 5"""
    bad = "case when expected is null then (item * 40503 % 65536) / 65536.0 > 0.4 + score else expected = 'drop' end"
    steps = [
        f"create temporary table said as {said}",
        f"""create temporary table vote as select item, clip, person, n, chance,
            case when ({bad}) = ({wrong}) then 'keep' else 'drop' end as value from said""",
        f"""insert into verdict (id, item, clip, question, person, value, at, seconds, mode, clip_version,
            question_version, app_version) select 'v' || item || '-' || person, item, clip, 'keep', person, value,
            {time.time() - 50 * 86_400} + 4.0e6 * chance, 3 + item % 5, 'single', '', 1, '1'
            from vote order by chance, n""",
        """insert into assignment (item, person, state, until, value, verdict)
            select item, person, 1, 0, value, 'v' || item || '-' || person from vote""",
        """create temporary table tally as select item, count(*) as n, min(value) as a, max(value) as b from vote
            group by item""",
        "create index tally_item on tally (item)",
        """update item set given = (select n from tally where tally.item = item.id), last_person = 1
            where state in (0, 5) and id in (select item from tally)""",
        """update item set state = (select case when a = b then 1 else 2 end from tally where tally.item = item.id),
            final = (select case when a = b then a end from tally where tally.item = item.id),
            how = (select case when a <> b then null when n = 1 then 'single' else 'unanimous' end from tally
            where tally.item = item.id) where state = 0 and id in (select item from tally)""",
    ]
    with db.write() as con:
        for step in steps:
            con.exec_driver_sql(step.replace("index tally_item", "index temp.tally_item") if not db.postgres else step)
        [count] = con.exec_driver_sql("select count(*) from verdict").one()
    print(f"{count:,} verdicts", flush=True)
    db.close()


def page_figures(path: Path, database: str | None) -> None:
    """What an admin waits for."""
    import http.client

    from hoigen.data.run import Run
    from hoigen.review import project

    begun = project.begin(Run(path), database)
    with begun.db.read() as con:
        [said] = con.exec_driver_sql("select count(*) from verdict").one()
    begun.db.close()
    if not said:
        answer_all(path, database)
    server, address = server_of(path, database)
    cookie: dict[str, str] = {}

    def get(page: str) -> tuple[float, bool]:
        """Seconds, and whether it shows its numbers."""
        con = http.client.HTTPConnection(address.split("/")[2])
        began = time.perf_counter()
        con.request("GET", page, headers=cookie)
        answered = con.getresponse()
        body = answered.read()
        con.close()
        assert answered.status in (200, 303), body
        if came := answered.headers["set-cookie"]:
            cookie["cookie"] = str(came).split(";")[0]
        return time.perf_counter() - began, b"are being counted" not in body

    get("/enter/" + address.rsplit("/", 1)[1])

    try:
        for page in ("/", "/saving", "/quality"):
            began, cpu = time.perf_counter(), cpu_of(server.pid)
            seconds, there = get(page)
            least = seconds
            while not there:
                time.sleep(0.5)
                seconds, there = get(page)
                least = max(least, seconds)
            whole = time.perf_counter() - began
            used = cpu_of(server.pid) - cpu
            print(
                f"{page:10} the first time: {least:6.2f} s to a page, {whole:6.2f} s to its numbers, {used:6.2f} s CPU"
            )
        for page in ("/", "/saving", "/quality"):
            times, cpu = [], cpu_of(server.pid)
            for _ in range(TURNS):
                times.append(get(page)[0])
                time.sleep(1.0)
            used = (cpu_of(server.pid) - cpu) / len(times)
            told(f"{page:10} again", times)
            print(f"{page:10} CPU of the server for each, what is counted meanwhile in it: {used:.2f} s")
    finally:
        server.terminate()
        server.wait()


def frame_figures(path: Path, clips: int) -> None:
    """From a key to the next clip's first frame, in a browser that has seen nothing before."""
    import hoigen

    videos = path.parent / "videos"
    videos.mkdir(parents=True, exist_ok=True)
    for at in range(clips):
        made(videos / f"v{at:04}.mp4", at)
    hoigen.curate(videos=videos, run=path, measures=["metadata"], shots="none", report=False, quiet=True)
    size = sum(file.stat().st_size for file in videos.iterdir())
    print(f"{clips} clips of 1280x720, 4 s, {size / clips / 1e6:.2f} MB each, the source files themselves")
    server, address = server_of(path, None)
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
            print(f"Chromium {browser.version}, software decoding, load {os.getloadavg()[0]:.1f}")
            page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
            page.goto(address)
            page.evaluate("localStorage.clear()")
            page.goto(address.split("/enter")[0] + "/review/keep")
            page.wait_for_selector("main[data-frame]", timeout=60_000)
            page.evaluate(
                "window.times = []; document.addEventListener('hoigen:frame', (e) => window.times.push(e.detail))"
            )
            for at in range(clips - 1):
                page.keyboard.press("j")
                page.wait_for_timeout(900)
                if not at % 50:
                    print(f"  {at} pressed", flush=True)
            times = [each / 1000 for each in page.evaluate("window.times")]
            browser.close()
    finally:
        server.terminate()
        server.wait()
    told("key to the next clip's first frame", times)
    late = sum(each > 0.1 for each in times)
    print(f"over 100 ms: {late} of {len(times)}; the aim of 100 ms at the 95th percentile is "
          f"{'met' if np.percentile(times, 95) < 0.1 else 'MISSED'}; load {os.getloadavg()[0]:.1f}")  # fmt: skip


def made(file: Path, seed: int) -> None:
    """A moving picture with detail, as H.264."""
    if file.exists():
        return
    import av

    noise = np.random.default_rng(seed)
    wide = np.kron(noise.integers(0, 255, (60, 220, 3), dtype=np.uint8), np.ones((16, 16, 1), dtype=np.uint8))
    with av.open(str(file), "w", options={"movflags": "+faststart"}) as out:
        stream = out.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "30", "g": "25"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for n in range(100):
            at = 8 * n
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(wide[n : n + 720, at : at + 1280]), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def main() -> None:
    from machine import headline

    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("queue", "served", "pages", "frames"))
    parser.add_argument("clips", nargs="?", type=int)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--database")
    given = parser.parse_args()
    print(headline(), f"load     {os.getloadavg()[0]:.1f}\n", sep="", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = (given.folder or Path(folder)) / "run"
        if given.what == "frames":
            return frame_figures(path, given.clips or 200)
        if not path.exists():
            large_run(path, given.clips or 1_000_000)
        if given.what == "pages":
            return page_figures(path, given.database)
        if given.what == "queue":
            return queue_figures(path, given.clips or 1_000_000, given.database)
        return served_figures(path, given.database)


if __name__ == "__main__":
    main()
