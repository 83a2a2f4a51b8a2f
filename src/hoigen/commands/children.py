"""hoigen children: what people trimmed and cropped, as clips of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from hoigen.commands.options import Quiet, RunFolder
from hoigen.core.errors import UsageError
from hoigen.core.settings import Setting
from hoigen.core.words import plural
from hoigen.work.task import DEADLINE

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.decide import Funnel


@dataclass(frozen=True, slots=True, kw_only=True)
class Children:
    """The children of a run.

    Args:
        run: of the parents.
        folder: the children's run.
        parents: clips that have children now.
        new: children that were not there before.
        gone: children whose parents are kept no more, or are not trimmed or cropped so any more: dropped.
        failed: parent -> why there is no file.
        funnel: of the children, with scores of their own.
    """

    run: Path
    folder: Path
    parents: int
    new: int
    gone: int
    failed: Mapping[str, str] = field(default_factory=dict)
    funnel: Funnel

    @property
    def incomplete(self) -> bool:
        """Whether there are no files of those that were asked for, or every child failed; the command then exits with
        1."""
        return self.funnel.incomplete or (bool(self.failed) and not self.funnel.clips)

    @property
    def partial(self) -> bool:
        """Whether some files could not be made; the command then exits with 3."""
        return bool(self.failed)

    def __str__(self) -> str:
        kept = self.funnel.counts.get("kept", 0)
        told = (
            f"{self.folder}: {self.funnel.clips} children of {plural(self.parents, 'clip')}, {self.new} of them "
            f"new, {kept} kept"
        )
        told += f"; {self.gone} whose parents are gone" if self.gone else ""
        failed = [f"failed {name}: {reason}" for name, reason in self.failed.items()]
        return "\n".join([told, *failed, str(self.funnel)])


def children(
    run: RunFolder,
    *,
    workers: Annotated[int | None, Setting("worker processes; null is one for each core")] = None,
    quiet: Quiet = False,
) -> Children:
    """Makes clips of their own out of what people trimmed and cropped, and measures them as the run was measured.

    They are a run within the run, RUN/children, which every command reads. The first clips stay as they are; a child
    whose parent is kept no more is dropped. Run again, it does only what is missing.

    Returns what became of them. Raises UsageError when nobody has trimmed or cropped anything.
    """
    from hoigen.commands.curate import carry_out
    from hoigen.core import hosts, trusted
    from hoigen.data import side
    from hoigen.data.run import Run
    from hoigen.recipe.build import recipe_of
    from hoigen.recipe.recipe import check_numbers
    from hoigen.rules import decide
    from hoigen.rules.runfile import steps_of
    from hoigen.stages.children import CROP, LIST, TRIM, CropStage, children_of, settle, write_list
    from hoigen.work.task import Limits, cores

    check_numbers({"workers": workers})
    side.check_on_disk(Path(run), "hoigen children")
    folder = Run(Path(run))
    recipe = folder.recipe()
    trusted.check(recipe, folder.recipe_file)
    hosts.check_asked(recipe, folder.recipe_file)
    folder.check_links()
    _, steps = steps_of(folder)
    found = children_of(folder, steps)
    where, files = folder.children_folder, folder.children_files
    if not found and not (files / LIST).exists():
        raise UsageError(f"{run}: nobody has trimmed or cropped a kept clip (annotations of {TRIM} and {CROP})")
    stage = CropStage(found, files)
    files.mkdir(exist_ok=True)
    deadline = recipe.get("deadline") or DEADLINE
    stage.go(Limits(deadline=float(deadline), workers=workers or cores()), total=len(found), quiet=quiet)
    there = [child for child in found if child.key not in stage.failures]
    new = write_list(files, there)
    failed = {f"{parent} ({edit})": reason for (parent, edit), reason in stage.failures.items()}
    if not (files / LIST).exists():
        raise UsageError(f"{run}: no child could be made: {'; '.join(f'{name}: {r}' for name, r in failed.items())}")
    own = recipe_for(recipe, folder, workers)
    carry_out(recipe_of(own, str(folder.recipe_file)), quiet=quiet, trust=())
    _, gone = settle(where, there)
    child = Run(where)
    _, own_steps = steps_of(child)
    funnel = decide.funnel(decide.connect(child, own_steps), own_steps, run=where)
    parents = len({one.parent.id for one in there})
    return Children(run=folder.path, folder=where, parents=parents, new=new, gone=gone, failed=failed, funnel=funnel)


def recipe_for(recipe: Mapping[str, Any], run: Run, workers: int | None) -> dict[str, Any]:
    """The recipe of the children: that of the parents, over the list of children, which are clips already.

    Args:
        recipe: of the parents.
        run: of the parents.
        workers: as of `children`.
    """
    from hoigen.rules.cascade import HUMAN, measured_keep
    from hoigen.stages.children import LIST

    keep = measured_keep(recipe.get("keep")) | {HUMAN: {"above": 0.5}}
    where = {"videos": str(run.children_files / LIST), "run": str(run.children_folder)}
    own = {**where, "shots": "none", "duplicates": "keep", "keep": keep}
    return {**recipe, **own, "report": False} | ({} if workers is None else {"workers": workers})
