"""Strips of frames with what measures saw in them, contact curves, and how scores came about."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hoigen.core.clip import Clip
from hoigen.core.uris import is_local
from hoigen.pages.evalfacts import ContactCurve
from hoigen.pages.overlay import overlaid, words
from hoigen.pages.thumbs import Wanted, take
from hoigen.stages.showing import measured_as

if TYPE_CHECKING:
    from hoigen.data.run import Run
    from hoigen.rules.cascade import Step

FRAMES = 8
DRAWN = ("fine_hoi", "coarse_hoi", "hoi_act", "hoi_failures")
CURVE_POINTS = 600

Details = Mapping[str, Mapping[str, Mapping[str, Any]]]


def clips_of(run: Run, uris: Iterable[str]) -> dict[str, Clip]:
    """The clips of some videos, by uri; those that could not be read are not there."""
    wanted = set(uris)
    found = {}
    for shard in run.clips.shards():
        for row in run.clips.read(shard):
            if row["uri"] in wanted and row["state"] == "ok":
                found[row["uri"]] = Clip(
                    id=row["id"],
                    uri=row["uri"],
                    start=row["start"],
                    end=row["end"],
                    width=row["width"] or 0,
                    height=row["height"] or 0,
                    fps=row["fps"] or 0.0,
                    meta=measured_as(row),
                )
    return found


def details_of(run: Run, steps: Sequence[Step], ids: Sequence[str]) -> Details:
    """Measure -> clip -> detail, of the measures that are drawn. A run under way lacks some.

    Args:
        run: the run.
        steps: its measures.
        ids: of the clips.
    """
    wanted = set(ids)
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for step in steps:
        if step.name not in DRAWN:
            continue
        scores = run.scores(step.name, step.fingerprint, step.emits)
        for shard in scores.shards():
            for row in scores.read(shard, ["id", "state", "detail"]):
                if row["id"] in wanted and row["detail"]:
                    found.setdefault(step.name, {})[row["id"]] = json.loads(row["detail"])
    return found


def take_of(clips: Mapping[str, Clip], details: Details) -> dict[str, dict[str, Any]]:
    """What a strip adds to a video; all pictures are taken in one go.

    Args:
        clips: the videos, by uri.
        details: of the measures that are drawn.

    Returns uri -> fields of `evalfacts.Take`: stills, missing, curve, facts, wrong, plays.
    """
    taken = take(Wanted(clip, frames=FRAMES) for clip in clips.values())
    found = {}
    for uri, clip in clips.items():
        fine = details.get("fine_hoi", {}).get(clip.id, {})
        coarse = details.get("coarse_hoi", {}).get(clip.id, {})
        theta, near = float(coarse.get("theta") or 0.0), clip.duration / (2 * FRAMES)
        first: Mapping[str, Any] = (fine.get("pairs") or ({},))[0]
        pictures, missing = taken.get(clip.id, ((), "not decoded"))
        stills = []
        for picture in pictures:
            shown = _nearest(first.get("shown") or (), picture.time, near)
            seen, said = _counted(_nearest(coarse.get("frames") or (), picture.time, near), theta)
            stills.append(dataclasses.replace(overlaid(picture, shown, seen), said=said))
        curve = None
        if first.get("times"):  # a long one is thinned
            step = max(1, len(first["times"]) // CURVE_POINTS)
            parts = {name: first[name][::step] for name in ("times", "gap", "contact", "seen")}
            curve = ContactCurve(duration=clip.duration, **parts)
        found[uri] = {
            "stills": stills,
            "missing": missing,
            "curve": curve,
            "facts": _facts(fine, coarse, details.get("hoi_act", {}).get(clip.id, {})),
            "wrong": [
                (float(each["start"]), float(each["end"]), str(each["said"]))
                for each in details.get("hoi_failures", {}).get(clip.id, {}).get("failures") or ()
            ],
            "plays": file_address(uri),
        }
    return found


def file_address(uri: str) -> str:
    """Where a page on this machine finds a video: `file:///...`; "" for one that does not lie on a disk of its own."""
    if not is_local(uri):
        return ""
    address = Path(uri).absolute().as_uri()
    return address if address.startswith("file:///") else ""  # not one that names another machine


def _nearest(rows: Sequence[Mapping[str, Any]], time: float, near: float) -> Mapping[str, Any] | None:
    best = min(rows, key=lambda row: abs(float(row["time"]) - time), default=None)
    return best if best is not None and abs(float(best["time"]) - time) <= near else None


def _score(pair: Mapping[str, Any]) -> float:
    verbs = pair.get("verbs")
    return max(map(float, verbs.values()), default=0.0) if verbs is not None else float(pair["score"])


def _counted(frame: Mapping[str, Any] | None, theta: float) -> tuple[Mapping[str, Any] | None, str]:
    """The frame with the pairs that count, the surest first, and that one in words: `hold cup 0.61`."""
    if frame is None:
        return None, ""
    pairs = sorted((pair for pair in frame.get("pairs") or () if _score(pair) > theta), key=_score, reverse=True)
    counted = {**frame, "pairs": pairs}
    if not pairs:
        return counted, "no pair"
    verbs = pairs[0].get("verbs") or {}
    verb = max(verbs, key=lambda name: float(verbs[name])) if verbs else ""
    return counted, f"{words(verb)} {words(pairs[0]['object'])} {_score(pairs[0]):.2f}".strip()


def _observer(detail: Mapping[str, Any]) -> Any:
    """Who looked; runs of before said `detector` or `reader`."""
    return next((detail[key] for key in ("observer", "detector", "reader") if key in detail), None)


def _facts(fine: Mapping[str, Any], coarse: Mapping[str, Any], act: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the HOI scores came about. act: the detail of hoi_act."""
    found = []
    told: Mapping[str, Any] = fine.get("asked") or coarse.get("asked") or act.get("asked") or {}
    asked = [told[name] for name in ("verb", "object") if told.get(name)]
    if asked:
        found.append(("asked", " ".join(map(words, asked))))
    if coarse:
        shares = []
        for frame in coarse.get("frames") or ():
            names = [name for name in frame if name.startswith("coarse_")]
            best = ", ".join(f"{name.removeprefix('coarse_')} {frame[name]:.2f}" for name in names)
            shares.append(f"{frame['time']:g} s: {best or 'none'}")
        found.append(("coarse_hoi", f"observer {_observer(coarse)}, theta {coarse.get('theta')}"))
        found.append(("best scores of its frames", "; ".join(shares)))
    if act.get("handled") is not None:
        made = [f"{name} {act[name]:.2f}" for name in ("handled", "done", "moved") if act.get(name) is not None]
        other = "; another thing than was asked" if act.get("other") else ""
        found.append(("hoi_act", f"{', '.join(made)}{other}; observer {_observer(act)}"))
    if fine:
        contact = fine.get("contact") or {}
        parts = ", ".join(contact.get("parts") or ()) or contact.get("kind", "")
        found.append(("fine_hoi", f"{fine.get('definition')}; touches with: {parts}; observer {_observer(fine)}"))
        found.append(("frames", f"{fine.get('frames')} at {fine.get('fps')} a second"))
        variants = {name: value for name, value in (fine.get("variants") or {}).items() if value is not None}
        if variants:
            found.append(("variants", ", ".join(f"{name} {value:.3f}" for name, value in variants.items())))
        for pair in fine.get("pairs") or ():
            sources = ", ".join(f"{name} {count}" for name, count in (pair.get("mask_source") or {}).items())
            found.append(("masks of the followed " + words(pair.get("object")), sources or "none"))
    return found
