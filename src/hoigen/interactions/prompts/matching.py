"""Which prompt a video was made from, by the name of its file.

Of `ride_bicycle-0.mp4`, `ride_bicycle_1.mp4` and `ride_bicycle-seed42-0.mp4` the prompt is `ride_bicycle`. VBench's
naming, `A person is riding a bicycle.-0.mp4`, works as well, with the short or the long prompt; capitals and signs
count only where prompts differ in nothing else. Of a name that was cut short, at least 60 letters must be there and
begin one prompt alone; names that scripts of models write (SCRIPTS) hold as many letters as those leave.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hoigen.core.errors import UsageError
from hoigen.data.sources import Source
from hoigen.interactions.prompts.suite import Prompt, Suite, by_text, slug

SAMPLE = re.compile(r"(?:[-_. ]+(?:[a-z]+[-_=]?)?\d+)*_?")
"""What may follow a prompt's name: numbers, each with a word before it (`-0`, `_seed42-3`), and ComfyUI's `_00001_`."""
CUT_SHORT = 60
SCRIPTS: tuple[tuple[re.Pattern[str], int], ...] = (
    # HunyuanVideo's sample_video.py and Wan2GP: 2025-03-01-14:05:09_seed42_<prompt, 100 or 50 letters>
    (re.compile(r"\d{4}-\d\d-\d\d-\d\d\D?\d\d\D?\d\ds?_seed-?\d+_(?P<words>.+)"), 49),
    # Wan's generate.py: t2v-14B_1280x720_1_1_<prompt, 50 letters>_20250301_140509
    (re.compile(r"\w+-[\w.]+_\d+\D\d+(?:_\d+){0,2}_(?P<words>.+)_\d{8}_\d{6}"), 49),
    # diffusers' training scripts: validation_video_0_<prompt, 25 letters>
    (re.compile(r"(?:validation|test|final)(?:_video)?[-_]\d+[-_](?P<words>.+)"), 24),
    # a number in front: 0007_<prompt>
    (re.compile(r"\d+[-_. ]+(?P<words>.+)"), 0),
)
"""How the names look that scripts of models write, and the fewest letters of a prompt that one of them has cut; 0: it
cuts none."""


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


def spelled(text: str) -> str:
    """A text as file names spell it: capitals and signs as they are, `_` for spaces and for what no name may hold."""
    return re.sub(r'[\s/\\:*?"<>|_]+', "_", unicodedata.normalize("NFC", text)).strip("_")


def _cased(text: str) -> str:
    """Letters and digits alone, capitals as they are."""
    return "_".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text)))


SPELLINGS: tuple[Callable[[str], str], ...] = (spelled, _cased, slug)
"""What of a name must be that of a prompt: the first by which one prompt alone has it counts."""


class Names:
    """The names under which a suite's prompts are known."""

    def __init__(self, suite: Suite) -> None:
        self.known: list[dict[str, Prompt]] = []
        """For each of SPELLINGS, name -> prompt."""
        self.shared: set[str] = set()
        """Words of two prompts, capitals and signs aside: spelled so they name neither, whose ids do."""
        for spell in SPELLINGS:
            known: dict[str, Prompt] = {}
            for words in ("long", "short", "id"):  # ids at the end: one is never taken for another prompt's words
                names = [spell(getattr(prompt, words) or "") for prompt in suite.prompts]
                times = Counter(names)
                for name, prompt in zip(names, suite.prompts, strict=True):
                    if name and times[name] == 1:
                        known[name] = prompt
                    elif name:
                        self.shared.add(name)
                        known.pop(name, None)
            self.known.append(known)

    def find(self, stem: str) -> tuple[Prompt | None, str]:
        """The prompt of a file's name without suffix, and the sample."""
        ends = sorted({len(stem), *(match.start() for match in re.finditer(r"[-_. ]", stem))}, reverse=True)
        for end in ends:
            if SAMPLE.fullmatch(stem[end:].lower()) and (prompt := self.of_words(stem[:end])) is not None:
                return prompt, stem[end:].lower().strip("-_. ")
        for script, least in SCRIPTS:
            if (match := script.fullmatch(stem)) is not None:
                words = match["words"]
                prompt = self.of_words(words) or (self._begun(words) if least and len(words) >= least else None)
                if prompt is not None:
                    rest = stem[: match.start("words")], stem[match.end("words") :]
                    return prompt, " ".join(part.strip("-_. ") for part in rest if part.strip("-_. "))
        # A name that was cut short.
        match = re.search(r"-(\d+)$", stem)
        start = stem[: match.start()] if match else stem
        if len(slug(start)) >= CUT_SHORT and (prompt := self._begun(start)) is not None:
            return prompt, match.group(1) if match else ""
        return None, ""

    def of_words(self, words: str) -> Prompt | None:
        """The prompt of whole words, spelled as files' names may be."""
        found = (known.get(spell(words)) for spell, known in zip(SPELLINGS, self.known, strict=True))
        return next((prompt for prompt in found if prompt is not None), None)

    def _begun(self, words: str) -> Prompt | None:
        """The one prompt that begins with these words."""
        for spell, known in zip(SPELLINGS, self.known, strict=True):
            if (start := spell(words)) and (
                found := {prompt.id: prompt for name, prompt in known.items() if name.startswith(start)}
            ):
                return next(iter(found.values())) if len(found) == 1 else None
        return None


def suite_of(sources: Sequence[Source]) -> tuple[Suite, dict[str, Prompt]]:
    """A suite of what videos themselves say: the words that a list has for them, else no words, and the name of each
    file as the prompt, by which videos of several models are paired. Names that differ in anything are two prompts.

    Args:
        sources: rows of lists, and videos of folders.

    Returns the suite, and the prompt of each file without words, by its `bare_name`: an id tells no name, since ids of
    names that differ in capitals or signs alone end in digits of their own.
    """
    by_words = {
        prompt.short: prompt for prompt in by_text([source.caption.strip() for source in sources if source.caption])
    }
    taken = {prompt.id: prompt for prompt in by_words.values()}
    names = by_text([bare_name(source.uri) for source in sources if not source.caption])
    # the id of another's words: its prompt
    bare = {prompt.short: taken.get(prompt.id) or replace(prompt, short="") for prompt in names}
    own = [prompt for prompt in bare.values() if prompt.id not in taken]
    return Suite(name="of a list" if by_words else "no prompts", prompts=(*by_words.values(), *own)), bare


def bare_name(uri: str) -> str:
    """The name of a file without suffix; letters with marks as one sign, which some file systems write as two."""
    return unicodedata.normalize("NFC", Path(uri).stem)


def find_listed(
    sources: Sequence[Source], suite: Suite, model: str | None, bare: Mapping[str, Prompt] | None = None
) -> list[Found]:
    """The videos of lists, each with its model and prompt.

    Args:
        sources: rows of lists. A row's prompt is that of its `prompt_id`, else of its words, else of its file's name;
            its model its `model`, else its `source`, else its folder; its sample its `sample`, else its `seed`.
        suite: the prompts.
        model: of all videos, where it is given.
        bare: of `suite_of`: rows without words are of the prompt of exactly that name; None: of the one that their file
            is named after.
    """
    names, ids = Names(suite), {prompt.id: prompt for prompt in suite.prompts}
    words = {text: prompt for prompt in suite.prompts for text in (prompt.long, prompt.short) if text}
    found = []
    times: Counter[tuple[str, str]] = Counter()
    for source in sources:
        stem, said = Path(source.uri).stem, (source.caption or "").strip()
        sample = str(source.meta.get("sample", source.meta.get("seed", "")))
        if "prompt_id" in source.meta:
            prompt = ids.get(str(source.meta["prompt_id"]))
        elif said:
            prompt = words.get(said) or names.of_words(said)
        elif bare is None:
            prompt, number = names.find(stem)
            sample = sample or number
        else:
            prompt = bare.get(bare_name(source.uri))
        maker = model or str(source.meta.get("model") or source.source or Path(source.uri).parent.name)
        if prompt is not None and not sample:
            sample = str(times[maker, prompt.id] or "")
            times[maker, prompt.id] += 1
        found.append(Found(source.uri, maker, prompt, sample))
    return _numbered(found)


def find_videos(
    folders: Sequence[Path], suite: Suite, model: str | None, bare: Mapping[str, Prompt] | None = None
) -> list[Found]:
    """All videos below the folders, each with its model and prompt, in order of their path.

    Args:
        folders: where they are.
        suite: the prompts.
        model: of all videos; when not given, a video's model is the sub-folder that it lies in, and of videos that lie
            in none, the folder itself.
        bare: of `suite_of`: a prompt is the whole of a file's name; None: files are named after prompts.

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
            prompt, sample = names.find(Path(path).stem) if bare is None else (bare.get(bare_name(path)), "")
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
    caption = (prompt.long if long else None) or prompt.short or None
    return Source(
        found.path, caption=caption, source=found.model, meta={k: v for k, v in meta.items() if v is not None}
    )
