"""Launch adapters: what trainers are started with, by their rules as restated here; collected; done once; refused."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from hoigen.commands.finetune import Launched, finetune
from hoigen.core.errors import SetupError, UsageError
from hoigen.training.trainers import launch

EXPORTS: dict[str, dict[str, str]] = {
    "diffusers_script": {
        "prompts.txt": "a\nb\n",
        "videos.txt": "videos/0.mp4\nvideos/1.mp4\n",
        "train.sh": "  --height 480 --width 720 --fps 8 --max_num_frames 49 \\\n",
    },
    "diffsynth": {
        "metadata.json": "[]",
        "train.sh": "  --height 480 --width 832 --num_frames 81 --dataset_repeat 1 \\\n"
        '  --model_id_with_origin_paths "W:a*,W:b" \\\n',
    },
    "musubi": {"dataset.toml": "[general]\nbatch_size = 1\n"},
    "ltx_trainer": {
        "dataset.json": "[]",
        "prepare.sh": 'exec uv run python x "$DATA/dataset.json" --resolution-buckets "960x544x49" --skip-audio\n',
    },
    "open_sora": {
        "meta.csv": "path\n",
        "train.py": '# Start\n_base_ = ["stage1.py"]\ndataset = dict(data_path="m.csv", fps_max=24)\n'
        "bucket_config = {}\n",
    },
}
WEIGHTS = {"musubi": ("vae", "t5", "dit"), "ltx_trainer": ("model", "text_encoder")}
LEFT = {
    "diffusers_script": "pytorch_lora_weights.safetensors",
    "diffsynth": "epoch-4.safetensors",
    "musubi": "lora.safetensors",
    "ltx_trainer": "checkpoints/lora_weights_step_00010.safetensors",
    "open_sora": "000-run/epoch0-global_step9/lora/adapter_model.safetensors",
}
FAKE = """#!/bin/bash
# stands in for the Python of a trainer: notes what it was started with, leaves what a trainer leaves
echo "$@" >> {log}
if [ -e {fail} ]; then echo "out of memory on step 3"; exit 9; fi
mkdir -p $(dirname {left}); echo weights > {left}
"""


@pytest.fixture(params=sorted(EXPORTS))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, list[str]]:
    """The trainer's name, a folder with an export and a checkout, and settings."""
    name: str = request.param
    for file, text in EXPORTS[name].items():
        (tmp_path / "data" / "videos").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / file).write_text(text)
    for at in range(2):
        (tmp_path / "data" / "videos" / f"{at}.mp4").touch()
    script = tmp_path / "code" / launch.trainer_of(name).SCRIPT
    script.parent.mkdir(parents=True)
    script.touch()
    python = tmp_path / "fake_python"
    left = tmp_path / "out" / "trainer" / LEFT[name]
    python.write_text(FAKE.format(log=tmp_path / "log", fail=tmp_path / "fail", left=left))
    python.chmod(0o755)
    sets = [f"folder={tmp_path / 'code'}", f"python={python}", "rank=16", "learning_rate=2e-4", "steps=10"]
    sets += [f"weights.{key}=/w/{key}" for key in WEIGHTS.get(name, ())]
    return name, tmp_path, sets


def start(made: tuple[str, Path, list[str]], *more: str, plan: bool = False) -> Launched:
    name, folder, sets = made
    done = finetune(trainer=name, data=folder / "data", out=folder / "out", set=[*sets, *more], plan=plan, quiet=True)
    assert isinstance(done, Launched)
    return done


def options(words: Any) -> dict[str, str]:
    """--name value, as argparse has them."""
    return {word: words[at + 1] for at, word in enumerate(words[:-1]) if word.startswith("--")}


def test_started_collected_and_not_again(made: tuple[str, Path, list[str]]) -> None:
    name, folder, _ = made
    planned = start(made, plan=True)
    assert planned.lora is None
    assert not (folder / "out").exists()
    done = start(made)
    assert done.lora is not None
    found = [done.lora] if done.lora.is_file() else list(done.lora.iterdir())
    assert [path.read_text() for path in found] == ["weights\n"]
    assert found[0].parent == folder / "out" / "lora"
    lines = (folder / "log").read_text().splitlines()
    assert len(lines) == len(planned.commands)
    start(made)
    assert (folder / "log").read_text().splitlines() == lines, "what has ended well is not started again"
    record = json.loads((folder / "out" / "training.json").read_text())
    assert record["trainer"] == name
    assert "@" in record["read_from"]
    with pytest.raises(UsageError, match=r"holds another training: (files|commands)"):
        start(made, "steps=1000")


def test_what_it_is_started_with(made: tuple[str, Path, list[str]]) -> None:
    name, folder, _ = made
    planned = start(made, plan=True)
    words = planned.commands[-1]
    given = options(words)
    job = launch.Job(
        folder / "data",
        (folder / "out" / "trainer").resolve(),
        launch.Settings(folder="/c", rank=16, steps=10, weights={"model": "/m", "text_encoder": "/t"}),
        2,
    )
    assert job.epochs == 5
    if name == "diffusers_script":  # its own parser: names and types as in train_cogvideox_lora.py
        assert (given["--height"], given["--width"], given["--max_num_frames"], given["--fps"]) == (
            "480",
            "720",
            "49",
            "8",
        )
        assert (given["--rank"], given["--max_train_steps"], float(given["--learning_rate"])) == ("16", "10", 2e-4)
        assert given["--resume_from_checkpoint"] == "latest"
    elif name == "diffsynth":
        assert given["--model_id_with_origin_paths"] == "W:a*,W:b"
        assert (given["--num_epochs"], given["--lora_rank"], given["--num_frames"]) == ("5", "16", "81")
    elif name == "musubi":
        assert [Path(each[1]).name for each in planned.commands[:2]] == [
            "wan_cache_latents.py",
            "wan_cache_text_encoder_outputs.py",
        ]
        assert tomllib.loads(Path(given["--dataset_config"]).read_text())["general"] == {"batch_size": 1}
        assert (given["--network_dim"], given["--max_train_steps"]) == ("16", "10")
    elif name == "ltx_trainer":
        text = launch.trainer_of(name).files(job)["ltx.yaml"]
        values = yaml.safe_load(text)
        assert (values["lora"]["rank"], values["optimization"]["steps"]) == (16, 10)
        assert isinstance(values["optimization"]["learning_rate"], float)
        assert options(planned.commands[0])["--resolution-buckets"] == "960x544x49"
    else:
        text = launch.trainer_of(name).files(job)["open_sora.py"]
        values = {}
        exec(text, values)  # a configuration of mmengine is Python
        assert values["_base_"] == ["/c/configs/diffusion/train/stage1.py"]
        assert values["dataset"] == {"data_path": "m.csv", "fps_max": 24}
        assert values["lora_config"]["r"] == 16


def test_a_trainer_that_fails_is_told_and_started_again(made: tuple[str, Path, list[str]]) -> None:
    name, folder, _ = made
    (folder / "fail").touch()
    with pytest.raises(SetupError, match=rf"{name} .*ended with 9; it said at its end:\s+out of memory on step 3"):
        start(made)
    (folder / "fail").unlink()
    assert start(made).lora is not None


def test_what_cannot_be_started(made: tuple[str, Path, list[str]], tmp_path: Path) -> None:
    name, folder, sets = made
    how: dict[str, Any] = {"trainer": name, "data": folder / "data", "out": tmp_path / "none", "quiet": True}
    with pytest.raises(UsageError, match="folder: must be given"):
        finetune(**how, set=sets[1:])
    with pytest.raises(UsageError, match="it is no checkout of"):
        finetune(**how, set=[f"folder={tmp_path}", *sets[1:]])
    with pytest.raises(UsageError, match="no program 'no_such_python'"):
        finetune(**how, set=[*sets, "python=no_such_python"])
    if name in WEIGHTS:
        with pytest.raises(UsageError, match=r"weights\.\w+: must be given"):
            finetune(**how, set=sets[:5])
    (folder / "data" / next(iter(EXPORTS[name]))).unlink()
    with pytest.raises(UsageError, match="reads what hoigen export --to "):
        finetune(**how, set=sets)
    with pytest.raises(UsageError, match="did you mean 'musubi'"):
        finetune(trainer="musub", data=folder / "data", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()
