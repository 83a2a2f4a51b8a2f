"""The only file that knows a run's paths, and how its parts are written.

    run.yaml                                      arguments, versions, fingerprints: run it again to repeat the run
    videos.parquet                                the input list, in order
    clips/00017.parquet                           the clips of shard 17's videos
    scores/<measure>/<fingerprint>/00017.parquet  what a measure said of them
    journal/scores-00017.jsonl                    finished rows of a shard under way
    calls.sqlite                                  every answer of an expert, once
    captions/caption.yaml                         the captioner in force, its experts, what it took
    captions/<captioner>/<fingerprint>/00017.parquet   a caption per kept clip, with its trace
    joined/<digest>.parquet                       a large run's tables side by side: a copy, may be deleted
    report.html

Done means the file exists: parts are written under a temporary name and renamed last. A journal holds what
is finished of a shard whose part is not written yet, one JSON line each, so that a kill at any moment loses
at most the clip under way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hoigen.data.tables import Journal
from hoigen.errors import UsageError

BEFORE_A_RUN = ("videos.parquet", "evaluation.json", "journal")
"""What may lie in a folder whose run has not begun."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder. Making one touches nothing on disk."""

    path: Path

    @property
    def recipe_file(self) -> Path:
        return self.path / "run.yaml"

    @property
    def videos_file(self) -> Path:
        return self.path / "videos.parquet"

    @property
    def report_file(self) -> Path:
        return self.path / "report.html"

    @property
    def suggest_folder(self) -> Path:
        return self.path / "suggest"

    @property
    def cut_folder(self) -> Path:
        return self.path / "cut"

    def clip_part(self, shard: int) -> Path:
        return self.path / "clips" / f"{shard:05d}.parquet"

    def score_part(self, measure: str, fingerprint: str, shard: int) -> Path:
        return self.path / "scores" / measure / fingerprint / f"{shard:05d}.parquet"

    @property
    def calls_file(self) -> Path:
        return self.path / "calls.sqlite"

    @property
    def caption_file(self) -> Path:
        """Which captioner's captions are in force."""
        return self.path / "captions" / "caption.yaml"

    def caption_part(self, captioner: str, fingerprint: str, shard: int) -> Path:
        return self.path / "captions" / captioner / fingerprint / f"{shard:05d}.parquet"

    def caption_parts(self, captioner: str, fingerprint: str) -> list[Path]:
        return sorted((self.path / "captions" / captioner / fingerprint).glob("[0-9]*.parquet"))

    def joined_part(self, digest: str) -> Path:
        """Clips and scores side by side, of the state of the run that `digest` names; may be deleted at any time."""
        return self.path / "joined" / f"{digest}.parquet"

    def clip_parts(self) -> list[Path]:
        """Parts of the clips table, in order of shard."""
        return sorted((self.path / "clips").glob("[0-9]*.parquet"))

    def score_parts(self, measure: str, fingerprint: str) -> list[Path]:
        """Parts of one measure's scores, in order of shard; none when it has not run yet."""
        return sorted((self.path / "scores" / measure / fingerprint).glob("[0-9]*.parquet"))

    def journal(self, stage: str, shard: int) -> Journal:
        return Journal(self.path / "journal" / f"{stage}-{shard:05d}.jsonl")

    def check_folder(self) -> None:
        """Raises UsageError for a folder of other things: nothing of theirs is to be written over."""
        if not self.path.is_dir() or self.recipe_file.exists():
            return
        names = sorted(entry.name for entry in self.path.iterdir())
        others = [name for name in names if name not in BEFORE_A_RUN and not name.startswith(".")]
        if others:
            some = ", ".join(others[:3]) + (", …" if len(others) > 3 else "")
            raise UsageError(
                f"run: {self.path} is no run and holds other files ({some}); give a new or an empty folder"
            )

    def recipe(self) -> dict[str, Any]:
        """The arguments of the run, as `run.yaml` has them. Raises UsageError when this is no run."""
        import yaml

        if not self.recipe_file.is_file():
            raise UsageError(f"{self.path} is not a run: it has no run.yaml (hoigen curate makes one)")
        try:
            loaded = yaml.safe_load(self.recipe_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UsageError(f"{self.recipe_file} is damaged: {' '.join(str(error).split())}") from None
        if not isinstance(loaded, dict) or not isinstance(loaded.get("recipe"), dict):
            raise UsageError(f"{self.recipe_file} is not the run.yaml of a run: it has no `recipe`")
        return dict(loaded["recipe"])
