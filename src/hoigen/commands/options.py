"""Options that several commands have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from hoigen.core.errors import UsageError, nearest
from hoigen.core.settings import Setting
from hoigen.core.uris import on_disk

if TYPE_CHECKING:
    from hoigen.data.cutnote import By
    from hoigen.work.ranks import Rank

RunFolder = Annotated[Path, Setting("the folder of the run, or its address in an object store (s3://bucket/run)")]
Quiet = Annotated[bool, Setting("no progress bars")]
Decoding = Annotated[
    list[str] | None,
    Setting(
        "of a retry: how what failed, and nothing else, is decoded this time, as key=value (temperature=0.7, seed=1, "
        "max_tokens=2000); may be given more than once"
    ),
]
Part = Annotated[
    str,
    Setting(
        "which part of the work is this process's, i/n with i from 0 to n - 1: 3/16 is the fourth of sixteen. One that "
        "has done its part of a stage before others ends (exit code 75), and is to be started again"
    ),
]
Prepare = Annotated[
    bool,
    Setting(
        "only write the list of videos and run.yaml, and fetch the models: `hoigen work RUN --part i/n` does the rest, "
        "on as many machines as wanted (docs/cluster.md)"
    ),
]
Executor = Annotated[
    Literal["local", "ray"] | None,
    Setting("what does the work: worker processes of this machine, or a Ray cluster; left out, what the recipe says"),
]
FacesBy = Annotated[
    Literal["recall", "precision"] | None,
    Setting(
        "what --blur-faces takes for a face: recall, so that few are missed, and hands and balls are hidden too (when "
        "not given), or precision, so that little else is hidden and more are missed"
    ),
]
WHOLE = "0/1"
DryRun = Annotated[bool, Setting("only say what would be decoded, looked at and measured")]
Draws = Annotated[int, Setting("resamples for intervals and tests")]
Seed = Annotated[int, Setting("of the resamples; the same seed gives the same numbers")]

DECODED = ("temperature", "seed", "max_tokens", "top_p", "repetition_penalty")


def check_draws(draws: int, seed: int) -> None:
    """Raises UsageError where intervals cannot be drawn.

    Args:
        draws: resamples, 100 or more.
        seed: of them, 0 or more.
    """
    if seed < 0:
        raise UsageError(f"--seed is 0 or more; it came as {seed}")
    if draws < 100:
        raise UsageError(f"--draws is at least 100; it came as {draws}")


def faces_by(blur: bool, faces: By | None) -> By | None:
    """By what the faces are found that are hidden, with the detector at hand; None where none are.

    Args:
        blur: --blur-faces.
        faces: --faces.

    Raises UsageError for --faces alone or of another kind, WeightsError without the detector's file.
    """
    from hoigen.video.faces import BY, MODEL

    if faces is not None and (not blur or faces not in BY):
        what = f"one of {', '.join(BY)}; it came as {faces!r}" if blur else "it goes with --blur-faces"
        raise UsageError(f"--faces: {what}")
    if not blur:
        return None
    from hoigen.models.files import locate

    locate(MODEL)  # before any worker wants it
    return faces or "recall"


def part_of(text: str) -> Rank:
    """The part that `--part` names. Raises UsageError for what is none: i/n, i from 0 to n - 1."""
    from hoigen.work.ranks import Rank

    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal() and len(text) < 20 and int(number) < int(of)):
        raise UsageError(f"--part {text}: i/n with i from 0 to n - 1, as 0/16 for the first of sixteen")
    return Rank(int(number), int(of))


def switches(executor: str | None, now: Any) -> bool:
    """Whether --executor changes what a recipe says: of the executor that it names already, the settings stay.

    Args:
        executor: as typed; None where nothing is.
        now: the recipe's key `executor`.
    """
    return executor is not None and not (isinstance(now, Mapping) and executor in now)


def write_out(out: Path, text: str) -> None:
    """Writes the file of --out, whole or not at all. Raises UsageError where it cannot be written.

    Args:
        out: the file.
        text: what goes into it.
    """
    from hoigen.data.files import write_text

    try:
        write_text(on_disk(out, "--out"), text)
    except OSError as error:
        raise UsageError(f"--out {out} cannot be written: {error.strerror or error}") from None


def decoding_of(sets: Sequence[str]) -> dict[str, Any]:
    """What is decoded otherwise, of key=value. Raises UsageError for other keys, and for what is no number."""
    from hoigen.recipe.yaml import set_value

    found: dict[str, Any] = {}
    for text in sets:
        key, equals, value = text.partition("=")
        if key.strip() not in DECODED or not equals:
            raise UsageError(f"--decoding {text}: key=value with one of {', '.join(DECODED)}{nearest(key, DECODED)}")
        found[key.strip()] = number = set_value(value)
        whole = key.strip() in ("seed", "max_tokens")
        if isinstance(number, bool) or not isinstance(number, int if whole else int | float) or number < 0:
            raise UsageError(f"--decoding {text}: a {'whole ' if whole else ''}number, 0 or more; it came as {value!r}")
    return found
