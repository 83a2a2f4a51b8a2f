"""Which prompt a video was made from, by the name of its file.

Of `ride_bicycle-0.mp4`, `ride_bicycle_1.mp4` and `ride_bicycle-seed42-0.mp4` the prompt is `ride_bicycle`. VBench's
naming, `A person is riding a bicycle.-0.mp4`, works as well, with the short or the long prompt, signs and capitals
aside; of a name that was cut short, at least 60 letters must be there and begin one prompt alone.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hoigen.core.errors import UsageError
from hoigen.data.sources import Source
from hoigen.interactions.prompts.suite import Prompt, Suite, slug

SAMPLE = re.compile(r"(?:[-_. ]+(?:[a-z]+[-_=]?)?\d+)*")
"""What may follow a prompt's name: numbers, each with a word before it (`-0`, `_seed42-3`)."""
CUT_SHORT = 60


@dataclass(frozen=True, slots=True)
class Found:
    """A video and its prompt.

    Args:
        path: of the video.
        model: which made it.
        prompt: None when the file's name is of none.
        sample: what stands behind the prompt, `0` of `-0`.
    """

    path: str
    model: str
    prompt: Prompt | None
    sample: str


class Names:
    """The names under which a suite's prompts are known."""

    def __init__(self, suite: Suite) -> None:
        self.known: dict[str, Prompt] = {}
        self.shared: set[str] = set()
        """Words of two prompts: they name neither, whose ids do."""
        for words in ("long", "short", "id"):  # ids at the end: one is never taken for another prompt's words
            names = [slug(getattr(prompt, words) or "") for prompt in suite.prompts]
            times = Counter(names)
            for name, prompt in zip(names, suite.prompts, strict=True):
                if name and times[name] == 1:
                    self.known[name] = prompt
                elif name:
                    self.shared.add(name)

    def find(self, stem: str) -> tuple[Prompt | None, str]:
        """The prompt of a file's name without suffix, and the sample."""
        name = stem.lower()
        for end in sorted({len(name), *(match.start() for match in re.finditer(r"[-_. ]", name))}, reverse=True):
            prompt = self.known.get(slug(name[:end]))
            if prompt is not None and SAMPLE.fullmatch(name[end:]):
                return prompt, name[end:].strip("-_. ")
        # A name that was cut short.
        match = re.search(r"-(\d+)$", name)
        start = slug(name[: match.start()] if match else name)
        if len(start) < CUT_SHORT:
            return None, ""
        found = {prompt.id: prompt for known, prompt in self.known.items() if known.startswith(start)}
        return (next(iter(found.values())), match.group(1) if match else "") if len(found) == 1 else (None, "")


def find_videos(folders: Sequence[Path], suite: Suite, model: str | None) -> list[Found]:
    """All videos below the folders, each with its model and prompt, in order of their path.

    Args:
        folders: where they are.
        suite: the prompts.
        model: of all videos; when not given, a video's model is the sub-folder that it lies in, and of videos that lie
            in none, the folder itself.

    Raises UsageError for what is no folder, and when no video has a prompt.
    """
    from hoigen.data.sources import read_sources

    names = Names(suite)
    places = [Path(os.path.abspath(folder)) for folder in folders]  # `..` has a name
    found: dict[str, Found] = {}
    for folder in places:
        if not folder.is_dir():
            raise UsageError(f"--videos {folder}: {'a folder is needed' if folder.exists() else 'no such folder'}")
        for path in (source.uri for source in read_sources(folder)):
            prompt, sample = names.find(Path(path).stem)
            inside = Path(path).relative_to(folder).parts
            maker = model if model is not None else inside[0] if len(inside) > 1 else folder.name
            before = found.setdefault(path, Found(path, maker, prompt, sample))
            if before.model != maker:
                raise UsageError(
                    f"--videos: {path} lies in two of the folders, as a video of {before.model!r} and of {maker!r}"
                )
    if model is None:
        named: dict[str, Path] = {}
        for folder in dict.fromkeys(places):
            if not any(each.model == folder.name and Path(each.path).parent == folder for each in found.values()):
                continue
            if folder.name in named:
                raise UsageError(
                    f"--videos: {named[folder.name]} and {folder} are both named {folder.name!r}, which would be one "
                    "model. Rename one, measure them in runs of their own with --model, or lay them into one folder "
                    "each"
                )
            named[folder.name] = folder
    if not any(each.prompt is not None for each in found.values()):
        some = ", ".join(Path(path).name for path in [*found][:3])
        ids = ", ".join(f"{prompt.id}-0.mp4" for prompt in suite.prompts[:2])
        words = f", or '{suite.prompts[0].short}-0.mp4'" if not names.shared else " (some prompts have the same words)"
        raise UsageError(
            f"--videos {', '.join(map(str, folders))}: none of the {len(found)} videos is named after a prompt of "
            f"{suite.name!r} ({len(suite.prompts)} prompts). Their names are like {some}; expected are names like "
            f"{ids}{words}"
        )
    return _numbered(list(found.values()))


def _numbered(found: list[Found]) -> list[Found]:
    """Samples of one number in several folders (`seed1/ride_bicycle-0.mp4`) go by their folder as well."""
    times = Counter((each.model, each.prompt.id, each.sample) for each in found if each.prompt)
    made: list[Found] = []
    seen: dict[tuple[str, str, str], str] = {}
    for each in found:
        if each.prompt is None:
            made.append(each)
            continue
        clear = times[each.model, each.prompt.id, each.sample] == 1
        sample = each.sample if clear else f"{Path(each.path).parent.name}/{each.sample}".rstrip("/")
        key = each.model, each.prompt.id, sample
        if key in seen:
            raise UsageError(
                f"--videos: {seen[key]} and {each.path} are both sample {sample!r} of {each.model!r} for the prompt "
                f"{each.prompt.id!r}: number them, or measure them in runs of their own"
            )
        seen[key] = each.path
        made.append(replace(each, sample=sample))
    return made


def source_of(found: Found, *, long: bool) -> Source:
    """The row of a video in the run's list.

    Args:
        found: a video that has a prompt.
        long: it is evaluated against the long prompt, where there is one.
    """
    prompt = found.prompt
    assert prompt is not None
    meta = {
        "prompt_id": prompt.id,
        "sample": found.sample,
        "prompt_long": prompt.long,
        "verb": prompt.verb,
        "object": prompt.object,
        "category": prompt.category,
        "contact": list(prompt.contact),
        "people": prompt.people,
        "seen": prompt.seen,
    }
    caption = (prompt.long if long else None) or prompt.short
    return Source(
        found.path, caption=caption, source=found.model, meta={k: v for k, v in meta.items() if v is not None}
    )
