"""What detectors saw, as English: sentences for a caption, lines for an expert."""

from __future__ import annotations

from hoigen.stages.captioners._seen import Seen

# fmt: off
UNCOUNTED = frozenset((
    "broccoli", "carbonara", "chocolate syrup", "consomme", "dough", "eggnog", "espresso", "face powder", "guacamole",
    "hair spray", "ice cream", "lotion", "perfume", "red wine", "sunscreen", "wool",
))
# fmt: on
"""Names of things that take no article."""
PLURAL = {
    "binoculars": "a pair of binoculars",
    "mashed potatoes": "mashed potatoes",
    "parallel bars": "a set of parallel bars",
    "scissors": "a pair of scissors",
    "skis": "a pair of skis",
}
SPOKEN = {"tv": "TV", "hair drier": "hair dryer", "plane": "hand plane"}
SOUNDS_LIKE_YOU = ("unicycle", "ukulele")
CAMERA = {"nears": "moves closer or zooms in", "backs": "moves back or zooms out"}


def with_article(name: str) -> str:
    """`an apple`, `a unicycle`, `a pair of scissors`, `dough`."""
    if name in PLURAL:
        return PLURAL[name]
    spoken = SPOKEN.get(name, name)
    if name in UNCOUNTED:
        return spoken
    vowel = spoken[:1].lower() in "aeiou" and not spoken.lower().startswith(SOUNDS_LIKE_YOU)
    return f"{'an' if vowel else 'a'} {spoken}"


def caption_of(seen: Seen) -> str:
    """Two or three sentences. Only for a clip in which somebody was seen."""
    parts = [_who(seen), _handled(seen)]
    if seen.camera:
        camera = f"The camera {CAMERA.get(seen.camera, seen.camera)}"
        parts.append(f"{camera}, and there is {seen.pace} in the scene.")
    return " ".join(filter(None, parts))


def evidence_of(seen: Seen) -> str:
    """Lines that tell a language model what was detected, and how surely."""
    lines = [_counted("persons", seen.persons, seen.person_frames, seen.frames)]
    lines.append(_counted("hands", seen.hands, seen.hand_frames, seen.frames))
    if seen.object:
        lines.append(f"likeliest object: {with_article(seen.object)} ({'strong' if seen.likely else 'weak'} evidence)")
    else:
        lines.append("likeliest object: none found")
    lines.append(f"a person or hand touches or overlaps an object: {'yes' if seen.contact else 'not found'}")
    if seen.camera:
        lines.append(f"camera: {CAMERA.get(seen.camera, seen.camera)}")
        lines.append(f"in the scene: {seen.pace}")
    return "\n".join(f"- {line}" for line in lines)


def _counted(what: str, count: int, frames: int, of: int) -> str:
    if not count:
        return f"{what}: none found"
    return f"{what}: {'3 or more' if count > 2 else count} at once, found in {frames} of {of} frames"


def _hands(seen: Seen) -> str:
    return "A hand is" if seen.hands == 1 else "Two hands are" if seen.hands == 2 else "Several hands are"


def _who(seen: Seen) -> str:
    place = f"{seen.where} of the picture"
    if not seen.persons:
        return f"{_hands(seen)} seen {place}."
    if seen.persons == 1:
        who = "A person is seen"
    elif seen.persons == 2:
        who, place = "Two people are seen", f"the larger one {place}"
    else:
        who, place = "Several people are seen", f"the largest {place}"
    comma = "," if seen.persons > 1 else ""
    distance = ", close to the camera" if seen.near else ", at some distance" if seen.far else ""
    return f"{who}{comma} {place}{distance}."


def _handled(seen: Seen) -> str:
    hands = _hands(seen) if seen.persons and seen.hands else ""
    if seen.object is None:
        return f"{hands} in view." if hands else ""
    thing = f"{'what looks like' if seen.likely else 'what may be'} {with_article(seen.object)}"
    if not seen.contact:
        return f"{hands} in view, and so is {thing}." if hands else f"{thing[0].upper()}{thing[1:]} is in view as well."
    if seen.persons:
        toucher = "the person appears" if seen.persons == 1 else "at least one of them appears"
    else:
        toucher = {1: "it appears", 2: "they appear"}.get(seen.hands, "at least one of them appears")
    touches = f"{toucher} to be in contact with {thing}"
    return f"{hands} in view, and {touches}." if hands else f"{touches[0].upper()}{touches[1:]}."
