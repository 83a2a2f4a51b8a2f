"""The files for Slurm and Kubernetes of docs/cluster.md, as far as they go without either: the one is run by a shell
with a stand-in for the queue, the other is held against a schema of the fields that it has."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hoigen.commands.options import part_of

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "cluster.md").read_text(encoding="utf-8")
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}
QUANTITY = {"type": "string", "pattern": "^[0-9]+([.][0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"}


def exactly(required: str = "", **properties: Any) -> dict[str, Any]:
    """An object with no other keys than these."""
    whole = {"type": "object", "additionalProperties": False, "properties": properties}
    return whole | {"required": required.split()}


def some(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


WORD, COUNT = {"type": "string"}, {"type": "integer", "minimum": 1}
AMOUNTS = {"type": "object", "additionalProperties": QUANTITY}
EXIT_CODES = exactly(
    "operator values",
    containerName=NAME,
    operator={"enum": ["In", "NotIn"]},
    values=some({"type": "integer", "minimum": 1, "maximum": 255}),
)
RULE = exactly(
    "action",
    action={"enum": ["Ignore", "FailJob", "FailIndex", "Count"]},
    onExitCodes=EXIT_CODES,
    onPodConditions=some(exactly("type", type=WORD, status=WORD)),
)
CONTAINER = exactly(
    "name image",
    name=NAME,
    image=WORD,
    command=some(WORD),
    args=some(WORD),
    resources=exactly(requests=AMOUNTS, limits=AMOUNTS),
    volumeMounts=some(exactly("name mountPath", name=NAME, mountPath=WORD)),
)
VOLUME = exactly("name", name=NAME, persistentVolumeClaim=exactly("claimName", claimName=NAME))
JOB = exactly(
    "apiVersion kind metadata spec",
    apiVersion={"const": "batch/v1"},
    kind={"const": "Job"},
    metadata=exactly("name", name=NAME),
    spec=exactly(
        "completionMode completions template",
        completionMode={"const": "Indexed"},
        completions=COUNT,
        parallelism=COUNT,
        backoffLimitPerIndex=COUNT,
        podFailurePolicy=exactly("rules", rules=some(RULE)),
        template=exactly(
            "spec",
            spec=exactly(
                "restartPolicy containers",
                restartPolicy={"const": "Never"},  # what podFailurePolicy and backoffLimitPerIndex ask for
                containers=some(CONTAINER),
                volumes=some(VOLUME),
            ),
        ),
    ),
)
"""Fields of batch/v1 Job. Source: the API reference of Kubernetes 1.33."""


def block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(found)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A `hoigen` that ends as it is told (END), and a `scontrol`; both write down how they were called."""
    for name in ("hoigen", "scontrol"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/calls"\nexit ${{END:-0}}\n')
        (tmp_path / name).chmod(0o755)
    return tmp_path


def called(stand_in: Path, command: list[str], **environment: str) -> tuple[int, list[str]]:
    """How a command ended, and what it called."""
    path = f"{stand_in}:{os.environ['PATH']}"
    ended = subprocess.run(command, env={**os.environ, "PATH": path, **environment}, check=False, timeout=60)
    lines = (stand_in / "calls").read_text().splitlines()
    (stand_in / "calls").unlink()
    return ended.returncode, lines


def test_the_array_of_slurm(stand_in: Path) -> None:
    (stand_in / "work.sh").write_text(block("sh"))
    # one element of each array has the number of the whole: by SLURM_JOB_ID it would send all of them back
    element = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "16", "SLURM_ARRAY_JOB_ID": "1207"}
    for end, again in (("0", []), ("1", []), ("2", []), ("75", ["scontrol requeue 1207_3"])):
        code, lines = called(stand_in, ["bash", str(stand_in / "work.sh"), "/runs/a b"], END=end, **element)
        assert lines == ["hoigen work /runs/a b --part 3/16 --quiet", *again], end
        assert again or code == int(end)
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", block("sh"), re.MULTILINE))
    assert options["array"] == "0-15", "parts are counted from 0"
    assert options.keys() >= {"requeue", "cpus-per-task", "mem", "time"}
    assert part_of("3/16").of == 16


def test_the_job_of_kubernetes(stand_in: Path) -> None:
    job = yaml.safe_load(block("yaml"))
    jsonschema.validate(job, JOB)
    spec = job["spec"]
    [work] = spec["template"]["spec"]["containers"]
    volumes = {each["name"] for each in spec["template"]["spec"]["volumes"]}
    assert {each["name"] for each in work["volumeMounts"]} == volumes
    codes = {
        rule["onExitCodes"]["values"][0]: (rule["action"], rule["onExitCodes"]["containerName"])
        for rule in spec["podFailurePolicy"]["rules"]
        if "onExitCodes" in rule
    }
    assert codes == {75: ("Ignore", work["name"]), 2: ("FailJob", work["name"])}
    assert spec["parallelism"] == spec["completions"], "no part waits for one that was not started"
    code, lines = called(stand_in, [*work["command"], *work["args"]], END="75", JOB_COMPLETION_INDEX="15")
    assert (code, lines) == (75, ["hoigen work /runs/mine --part 15/16 --quiet"])
    assert spec["completions"] == part_of("15/16").of
