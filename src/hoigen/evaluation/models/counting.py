"""What a video counts with in means, rankings and tests where it lacks a number: failing never wins.

Three cases are told apart. *Nothing was asked*: the prompt asks for nothing that the number is about. *Not measurable*:
the reader has no word for what was asked. Both are decided by prompt and reader, never by the video, and such a prompt
leaves all models together. *Looked for and not there*, files that cannot be read among it, is a failure: the video
counts with the worst that the number can be (`Number.least`). A number without a worst value is of the videos that have
it, and ranks nothing unless all have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from hoigen.core.score import NOT_ASKED, NOT_MEASURABLE, Number
from hoigen.core.stats import alike
from hoigen.core.words import plural
from hoigen.evaluation.models.videos import NOT_YET, Video


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What became of the videos in which a number has no value.

    Args:
        prompts: how many there are.
        not_asked: prompts that ask for nothing that the number is about.
        not_measurable: prompts that the reader of any model has no word for.
        reasons: why, the most frequent first, with how many prompts.
        failed: videos that count with the worst value.
        pending: videos that were not measured yet; they count in nothing.
        ranks: whether models may be put in order by the number: false where videos lack it and no worst value is
            declared, or no video has it.
    """

    prompts: int
    not_asked: frozenset[str] = frozenset()
    not_measurable: frozenset[str] = frozenset()
    reasons: Sequence[tuple[str, int]] = ()
    failed: int = 0
    pending: int = 0
    ranks: bool = True

    @property
    def aside(self) -> frozenset[str]:
        """Prompts that left all models."""
        return self.not_asked | self.not_measurable

    @property
    def left(self) -> int:
        """Prompts that are compared."""
        return self.prompts - len(self.aside)

    def told(self, heading: str) -> str:
        """A sentence on what was set aside; "" when nothing was."""
        if not self.aside:
            return ""
        parts = [
            f"{len(prompts)} {what}"
            for prompts, what in ((self.not_asked, "ask for no such thing"), (self.not_measurable, "not measurable"))
            if prompts
        ]
        why = "; ".join(f"{reason} ({many})" for reason, many in self.reasons[:3])
        more = f"; {len(self.reasons) - 3} other reasons" if len(self.reasons) > 3 else ""
        return (
            f"{heading}: {self.left} of {plural(self.prompts, 'prompt')}; {', '.join(parts)}, of all models "
            f"alike: {why}{more}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Videos as they count. videos: in the order given; accounts: by number."""

    videos: Sequence[Video]
    accounts: Mapping[str, Account] = field(default_factory=dict)


def counted(videos: Sequence[Video], numbers: Iterable[Number]) -> Counted:
    """Videos of all models that are compared, with what each counts with.

    Args:
        videos: of all models together, since a prompt that one reader cannot measure leaves all of them.
        numbers: those that count; others stay as they are.
    """
    prompts = {video.prompt for video in videos}
    values: list[dict[str, float | None]] = [dict(video.values) for video in videos]
    reasons: list[dict[str, str]] = [dict(video.reasons) for video in videos]
    absent: list[set[str]] = [set() for _ in videos]
    accounts: dict[str, Account] = {}
    for number in {number.name: number for number in numbers}.values():
        name = number.name
        why: dict[str, dict[str, str]] = {NOT_ASKED: {}, NOT_MEASURABLE: {}}
        for video in videos:
            reason = video.reasons.get(name, "") if video.values.get(name) is None else ""
            for kind, found in why.items():
                if reason.startswith(kind):
                    found.setdefault(video.prompt, reason)
        why[NOT_MEASURABLE] = {
            prompt: why[NOT_MEASURABLE][prompt] for prompt in why[NOT_MEASURABLE].keys() - why[NOT_ASKED].keys()
        }
        aside = why[NOT_ASKED] | why[NOT_MEASURABLE]
        here = [at for at, video in enumerate(videos) if name in video.values and video.prompt not in aside]
        anybody = any(videos[at].values[name] is not None for at in here)
        failed = pending = lacking = 0
        for at, video in enumerate(videos):
            if video.prompt in aside:
                values[at][name], reasons[at][name] = None, aside[video.prompt]
        for at in here:
            if videos[at].values[name] is not None:
                continue
            if videos[at].reasons.get(name) == NOT_YET:
                pending += 1
            elif number.worst is None or not anybody:
                lacking += 1
            else:
                failed += 1
                values[at][name] = number.worst
                absent[at].add(name)
        accounts[name] = Account(
            prompts=len(prompts),
            not_asked=frozenset(why[NOT_ASKED]),
            not_measurable=frozenset(why[NOT_MEASURABLE]),
            reasons=alike.counted(reason.partition(": ")[2] for reason in aside.values()),
            failed=failed,
            pending=pending,
            ranks=anybody and not lacking,
        )
    made = [
        replace(video, values=values[at], reasons=reasons[at], absent=frozenset(absent[at]))
        for at, video in enumerate(videos)
    ]
    return Counted(videos=made, accounts=accounts)


def by_model(
    models: Mapping[str, Sequence[Video]], numbers: Iterable[Number]
) -> tuple[dict[str, list[Video]], Mapping[str, Account]]:
    """The same of videos that are sorted by model."""
    names = [name for name, videos in models.items() for _ in videos]
    found = counted([video for videos in models.values() for video in videos], numbers)
    sorted_: dict[str, list[Video]] = {name: [] for name in models}
    for name, video in zip(names, found.videos, strict=True):
        sorted_[name].append(video)
    return sorted_, found.accounts
