"""Run by extras.sh with the Python of a fresh environment, in the folder of that, of a wheel and of constraints.txt."""

from __future__ import annotations

import email
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LIGHT = {
    "categories": "from hoigen.interactions.categories import words; assert words.parts('cups')",
    "experts": "import openai, pydantic, py3langid, hoigen.models.experts.chat_server, "
    "hoigen.stages.captioners.mixture, hoigen.evaluation.captions.judge",
    "review": "import starlette.applications, uvicorn, jinja2, argon2, itsdangerous, pg8000, hoigen.review.export",
    "stats": "import matplotlib.figure, matplotlib.backends.backend_agg, hoigen.pages.plots",
    "watch": "import prometheus_client, hoigen.commands.watch",
    "web": "import aiohttp, hoigen.core.uris",
}
HEAVY = {
    "lance": "import lance, hoigen.dataset.formats.lance",
    "models": "import torch, transformers, accelerate, safetensors, gguf, sentencepiece, PIL.Image, "
    "hoigen.models.experts.local_llm, hoigen.models.experts.local_vlm, hoigen.models.nets.dino",
    "ray": "import ray, hoigen.work.cluster",
    "train": "import torch, diffusers, peft, accelerate, hoigen.training.pipelines, hoigen.training.finetune.loop",
}
DEVELOPMENT = ("dev",)
"""`make setup` installs it."""
BANNED = ("torchvision", "timm", "open-clip-torch", "pyiqa")
"""What no extra may bring: each asks for a torchvision, which asks for another torch than the one for CPUs."""


def main(folder: Path, heavy: bool) -> None:
    [wheel] = folder.glob("hoigen-*.whl")
    extras = extras_of(wheel)
    if unknown := set(extras) ^ {*LIGHT, *HEAVY, *DEVELOPMENT}:
        sys.exit(f"extras: {', '.join(sorted(unknown))}: {__file__} and pyproject.toml must name the same extras")
    for extra in HEAVY:
        resolved(folder, wheel, [extra])
    resolved(folder, wheel, extras)
    pip(folder / "env", "install", str(wheel))
    uses = LIGHT | (HEAVY if heavy else {})
    for extra, code in uses.items():
        installed(folder, wheel, [extra], code)
    if heavy:
        installed(folder, wheel, list(uses), "; ".join(uses.values()))


def extras_of(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name)).get_all("Provides-Extra", [])


def resolved(folder: Path, wheel: Path, extras: Sequence[str]) -> None:
    """Resolves them for an environment without anything; ends the program when that brings what is banned."""
    report = folder / "report.json"
    how = ("--dry-run", "--ignore-installed", "--report", str(report))
    pip(folder / "env", "install", *how, *wanted(folder, wheel, extras))
    found: list[dict[str, Any]] = json.loads(report.read_text())["install"]
    refuse(extras, {package["metadata"]["name"] for package in found})
    print(f"extras: [{','.join(extras)}] resolves to {len(found)} packages", flush=True)


def refuse(extras: Sequence[str], packages: set[str]) -> None:
    """Ends the program when what is banned is among the packages that extras bring."""
    if brought := {name.lower().replace("_", "-") for name in packages} & {*BANNED}:
        sys.exit(f"extras: [{','.join(extras)}] brings {', '.join(sorted(brought))}")


def installed(folder: Path, wheel: Path, extras: Sequence[str], code: str) -> None:
    """Installs them beside the bare wheel, in an environment that is thrown away, and imports what they are for; ends
    the program when that brought what is banned."""
    own = folder / "own"
    shutil.copytree(folder / "env", own, symlinks=True)
    pip(own, "install", *wanted(folder, wheel, extras))
    subprocess.run([own / "bin" / "python", "-c", code], check=True, cwd=folder)
    subprocess.run([own / "bin" / "python", "-m", "pip", "check", "--quiet"], check=True)
    refuse(extras, {path.name.partition("-")[0] for path in own.glob("lib/python*/site-packages/*.dist-info")})
    shutil.rmtree(own)
    print(f"extras: [{','.join(extras)}] installs, and what it is for is imported", flush=True)


def wanted(folder: Path, wheel: Path, extras: Sequence[str]) -> list[str]:
    return ["--constraint", str(folder / "constraints.txt"), f"{wheel}[{','.join(extras)}]"]


def pip(environment: Path, *arguments: str) -> None:
    command = [environment / "bin" / "python", "-m", "pip", "-qq", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--heavy" in sys.argv[2:])
