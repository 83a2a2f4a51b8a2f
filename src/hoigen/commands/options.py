"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from hoigen.core.settings import Setting

RunFolder = Annotated[Path, Setting("the folder of the run")]
Quiet = Annotated[bool, Setting("no progress bars")]
DryRun = Annotated[bool, Setting("only say what would be decoded, looked at and measured")]
Draws = Annotated[int, Setting("resamples for intervals and tests")]
Seed = Annotated[int, Setting("of the resamples; the same seed gives the same numbers")]
