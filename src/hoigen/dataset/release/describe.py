"""The facts of a release, and what is made of them: a card, Croissant, the public summary of the EU's AI Act."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hoigen.core.words import plural
from hoigen.dataset.release.index import COLUMNS, Index
from hoigen.models.uses import LedgerEntry

NOT_REVIEWED = "not reviewed"
"""What is said of people's part where no person has said anything of a clip."""
CROISSANT = "http://mlcommons.org/croissant/1.1"
RAI = "http://mlcommons.org/croissant/RAI/1.0"
CONTEXT: Mapping[str, Any] = {
    "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
    "conformsTo": "dct:conformsTo", "containedIn": "cr:containedIn", "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/", "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty", "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset", "arrayShape": "cr:arrayShape", "jsonPath": "cr:jsonPath", "key": "cr:key",
    "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path", "recordSet": "cr:recordSet",
    "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated", "replace": "cr:replace",
    "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator",
    "source": "cr:source", "subField": "cr:subField", "transform": "cr:transform",
}  # fmt: skip
"""Source: mlcroissant 1.1.1, core/rdf.py, of Croissant 1.1."""
TYPES: Mapping[str, str] = {"VARCHAR": "sc:Text", "DOUBLE": "sc:Float", "INTEGER": "sc:Integer", "BIGINT": "sc:Integer"}


MEASURED: Mapping[str, str] = {
    "precision": "of 69 faces of 14 other web clips, labelled by hand, it missed 22 (32 % [8, 53]), none of them "
    "higher than 8 % of the picture: small faces in crowds and heads that are turned are missed most (its bounds were "
    "chosen on these clips, so that others may fare worse)",
    "recall": "of 69 faces of 14 other web clips, labelled by hand, it missed 4 (6 % [0, 18]), none of them higher "
    "than 8 % of the picture, and hid places that are no face (6.6 % of the picture; its bounds were chosen on these "
    "clips, so that others may fare worse)",
}
"""How well faces are found, by what is asked of a find. Source: benchmarks/face_blur.py, 2026-11-27."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What people said of the clips of a release.

    Args:
        question: what they were asked, in a word.
        people: how many said something.
        clips: of how many clips of the release.
        twice: of how many two or more people.
        yes: clips of which most people said yes or keep.
        agreement: Krippendorff's alpha with its interval, in words.
        told: what they were told to do; "" where the run does not know.
    """

    question: str
    people: int
    clips: int
    twice: int
    yes: int
    agreement: str
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a release.

    Args:
        name: of the dataset.
        version: `1.0.0`.
        date: of today, `2026-11-27`.
        licence: that it states, its SPDX name.
        licence_page: where that is written.
        creator: who gives it out.
        contact: where to ask for a removal.
        index: what is in it.
        media: whether the clips are in it as files.
        blurred: by what faces were found that are blurred in those files (recall, precision); "" where none are.
        funnel: rule -> (came, dropped, failed).
        measured: measures, in order.
        models: that scores and captions came from.
        review: what people said; None where nobody was asked.
        removals: how many things somebody asked to be taken out, so far.
        hoigen: version of hoigen.
        changes: against the release before, in sentences; empty for a first one.
        kinds: column -> its type in DuckDB.
    """

    name: str
    version: str
    date: str
    licence: str
    licence_page: str
    creator: str
    contact: str
    index: Index
    media: bool
    blurred: str
    funnel: Mapping[str, tuple[int, int, int]]
    measured: Sequence[str]
    models: Sequence[LedgerEntry]
    review: Review | None
    removals: int
    hoigen: str
    changes: Sequence[str] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def about(self) -> str:
        """What the dataset is, in two sentences."""
        hours = self.index.seconds / 3600
        given = "files of the release" if self.media else "told by address, start, end and digest of their video"
        return (
            f"{plural(self.index.clips, 'video clip')} of human-object interactions, {hours:,.2f} hours, "
            f"{self.index.captions:,} with a caption. The clips are {given}. Made with hoigen {self.hoigen}."
        )


def responsible(facts: Facts) -> dict[str, Any]:
    """The responsible-AI part of Croissant, out of the run and the review."""
    rules = "; ".join(f"{name} dropped {dropped} of {came}" for name, (came, dropped, _) in facts.funnel.items())
    machines = [f"{one.id} ({one.licence}) for {', '.join(one.used_by)}" for one in facts.models]
    review = facts.review
    found: dict[str, Any] = {
        "rai:dataCollection": "Clips were cut out of listed videos where shots change, measured, and kept by rules.",
        "rai:dataCollectionType": ["Secondary Data Analysis", "Software Collection"],
        "rai:dataCollectionRawData": "; ".join(
            f"{name}: {many} clips, {licence}" for name, (many, _, licence) in facts.index.sources.items()
        ),
        "rai:dataPreprocessingProtocol": [f"Funnel: {rules}"] if rules else ["No rule dropped a clip."],
        "rai:machineAnnotationTools": [f"hoigen {facts.hoigen}", *machines],
        "rai:dataUseCases": "Training and evaluating text-to-video models; perception of human-object interactions.",
        "rai:dataLimitations": [
            "Captions are those of the input list, and categories a machine's."
            if facts.index.listed
            else "Captions and categories are a machine's; where people checked them, the column `verdicts` says so.",
            f"{facts.index.clips - facts.index.captions} clips have no caption.",
        ],
        "rai:dataBiases": "As of the sources; how interactions are spread is what `hoigen stats` counts.",
        "rai:personalSensitiveInformation": [
            f"People are visible. Faces were blurred in the files as far as a machine found them: {MEASURED}."
            if facts.blurred
            else "People are visible, their faces too: faces were not blurred.",
            f"Removals so far: {facts.removals}. To ask for one: {facts.contact}",
        ],
        "rai:dataReleaseMaintenancePlan": (
            "What somebody asks to be taken out is left out of the next release and of all that follow."
        ),
    }
    if review is None:
        found |= {
            "rai:dataAnnotationProtocol": NOT_REVIEWED,
            "rai:dataAnnotationPlatform": [NOT_REVIEWED],
            "rai:dataAnnotationAnalysis": [NOT_REVIEWED],
            "rai:annotationsPerItem": NOT_REVIEWED,
            "rai:annotatorDemographics": [NOT_REVIEWED],
        }
    else:
        who = "1 person" if review.people == 1 else f"{review.people} people"
        per = f"{review.clips} of {facts.index.clips} clips by one person or more, {review.twice} by two or more"
        found |= {
            "rai:dataAnnotationProtocol": review.told
            or f"Question `{review.question}`; what people were told is not noted.",
            "rai:dataAnnotationPlatform": ["hoigen"],
            "rai:dataAnnotationAnalysis": [
                f"{who}; most said yes of {review.yes} of {review.clips} clips.",
                f"Agreement: {review.agreement}",
            ],
            "rai:annotationsPerItem": per,
            "rai:annotatorDemographics": [f"{who}; nothing else is noted of them."],
        }
    return found


def croissant(facts: Facts, digests: Mapping[str, tuple[str, int]]) -> str:
    """The dataset in Croissant 1.1, as JSON.

    Args:
        facts: of the release.
        digests: file -> (sha256, bytes).
    """
    tables = [name for name in facts.index.tables if name.startswith("data/clips-")]
    files: list[dict[str, Any]] = [
        {
            "@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name, "sha256": digests[name][0],
            "contentSize": f"{digests[name][1]} B", "encodingFormat": "application/x-parquet",
        }
        for name in facts.index.tables
    ]  # fmt: skip
    records = []
    for at, name in enumerate(tables):
        fields = [
            {
                "@type": "cr:Field", "@id": f"clips-{at}/{column}", "name": column,
                "description": COLUMNS.get(column) or facts.index.numbers.get(column, ""),
                "dataType": TYPES.get(kind, "sc:Text"),
                "source": {"fileObject": {"@id": name}, "extract": {"column": column}},
            }
            for column, kind in facts.kinds.items()
            if kind in TYPES
        ]  # fmt: skip
        about = "A row for each clip" if len(tables) == 1 else f"A row for each clip, part {at + 1} of {len(tables)}"
        records.append(
            {
                "@type": "cr:RecordSet", "@id": f"clips-{at}", "name": f"clips-{at}", "description": about,
                "key": {"@id": f"clips-{at}/id"}, "field": fields,
            }
        )  # fmt: skip
    document = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": facts.name,
        "description": facts.about,
        "conformsTo": [CROISSANT, RAI],
        "citeAs": f"{facts.creator}: {facts.name} {facts.version}, {facts.date}",
        "license": facts.licence_page,
        "url": facts.contact if "://" in facts.contact else f"urn:hoigen:{facts.name}",
        "version": facts.version,
        "datePublished": facts.date,
        "creator": {"@type": "Organization", "name": facts.creator},
        "isLiveDataset": False,
        "distribution": files,
        "recordSet": records,
        **responsible(facts),
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def card(facts: Facts) -> str:
    """The dataset card: Markdown, headed as Hugging Face reads it."""
    index, licence = facts.index, facts.licence.lower()
    licence = licence if licence.startswith(("cc", "apache", "mit")) else "other"  # else none that the hub names
    head = [
        "---", f"pretty_name: {_plain(facts.name)}", f"license: {licence}",
        *(["language: [en]"] if index.captions else []),
        "task_categories: [text-to-video]", f"size_categories: [{_size(index.clips)}]",
        "tags: [human-object-interaction, video, hoigen]", "configs:", "- config_name: default",
        "  data_files: data/clips-*.parquet",
        "---",
    ]  # fmt: skip
    parts = [f"- {name}: {plural(many, 'clip')}" for name, many in index.parts.items()]
    sources = [f"| {_plain(name)} | {many:,} | {seconds / 3600:.2f} | {_plain(licence)} |"
               for name, (many, seconds, licence) in index.sources.items()]  # fmt: skip
    funnel = [
        f"| {name} | {came:,} | {dropped:,} | {failed:,} |" for name, (came, dropped, failed) in facts.funnel.items()
    ]
    models = [
        f"| {_plain(one.id)} | {_plain(', '.join(one.used_by))} | {_plain(one.licence)} | {_plain(one.use)} |"
        for one in facts.models
    ]
    columns = [f"| `{name}` | {COLUMNS.get(name) or _plain(index.numbers.get(name, ''))} |" for name in facts.kinds]
    people = responsible(facts)
    told = [f"- What they were told: {_plain(people['rai:dataAnnotationProtocol'])}"] if facts.review else []
    changes = ["## Changes", *(f"- {line}" for line in facts.changes), ""] if facts.changes else []
    given = (
        "as files in `clips/`" if facts.media else "by address, start, end and digest of their video; no video is given"
    )
    return "\n".join(
        [
            *head,
            f"# {_plain(facts.name)} {facts.version}",
            "",
            facts.about,
            "",
            f"Released {facts.date} by {_plain(facts.creator)} under {facts.licence} ({facts.licence_page}). That "
            "licence is of the tables and captions; each clip's video has its own, in the column `licence`.",
            f"To have something taken out: {_plain(facts.contact)}. It stays out of all releases that follow.",
            "",
            f"Clips are given {given}.",
            *(["", "## Parts", "No scene is in two parts.", "", *parts] if parts else []),
            "",
            *changes,
            "## Sources",
            "| source | clips | hours | licence |",
            "|---|---|---|---|",
            *sources,
            "",
            "## How it was made",
            f"Measures: {', '.join(facts.measured)}. Captions: {index.captioner or 'none'}.",
            "",
            "| rule | clips came | dropped | failed |",
            "|---|---|---|---|",
            *funnel,
            "",
            "## People",
            f"- Checked by people: {people['rai:annotationsPerItem']}",
            *(f"- {line}" for line in people["rai:dataAnnotationAnalysis"] if facts.review is not None),
            *told,
            *(f"- {line}" for line in people["rai:personalSensitiveInformation"]),
            "",
            "## Models",
            *(
                ["| model | used by | licence | may be used by |", "|---|---|---|---|", *models]
                if models
                else ["None."]
            ),
            "",
            "## Columns of `data/clips-*.parquet`",
            "| column | |",
            "|---|---|",
            *columns,
            "",
            (
                "`data/traces-*.parquet` has every call to a model that led to a caption. "
                if index.captions and not index.listed
                else ""
            )
            + "`croissant.json` says this to machines; `eu_summary.md` is what the EU's AI Act asks for. "
            "`hoigen verify-release` checks every file against `SHA256SUMS`.",
            "",
        ]
    )


def eu_summary(facts: Facts) -> str:
    """The public summary of training content, as far as a dataset knows it.

    Source: template of the European Commission for article 53(1)(d) of Regulation (EU) 2024/1689, C(2025) 8311.
    """
    index = facts.index
    hours = index.seconds / 3600
    licences = "\n".join(f"- {_plain(name)}: {plural(many, 'clip')}" for name, (many, _) in index.licences.items())
    sources = "\n".join(f"- {_plain(name)}: {plural(many, 'clip')}, {seconds / 3600:.2f} hours" for name, (many, seconds, _) in index.sources.items())  # noqa: E501  # fmt: skip
    synthetic = "; ".join(f"{one.id} ({', '.join(one.used_by)})" for one in facts.models) or "none"
    return f"""# Public summary of training content: the part that this dataset can say
Follows the template for article 53(1)(d) of Regulation (EU) 2024/1689, C(2025) 8311. What only the provider of a model
knows is marked `[provider]`.

## 1. General information
### 1.1 Provider
[provider]
### 1.2 Model
[provider]
### 1.3 Modalities and size
- Video: {plural(index.clips, "clip")}, {hours:.2f} hours (range of the template: {_hours(index.seconds)}).
- Text: {index.captions:,} captions that describe them; captioner: {_plain(index.captioner or "none")}.
- Audio: {"the sound of the clips, of those that have one" if facts.media else "none"}. Images: none.
- Dataset: {_plain(facts.name)} {facts.version}, {facts.date}; latest date of acquisition: [provider]

## 2. Data sources
### 2.1 Publicly available datasets
{sources}

Licences, as the lists or the pages of the sources state them:
{licences}
### 2.2 Private datasets obtained from third parties
[provider]
### 2.3 Data crawled and scraped from online sources
None by hoigen, which opens listed videos alone; how the listed videos were obtained: [provider]
### 2.4 User data
None by hoigen; [provider]
### 2.5 Synthetic data
Models that scores, captions or categories came from: {_plain(synthetic)}.
### 2.6 Other sources
[provider]

## 3. Data processing
### 3.1 Respect of reservations of rights (text and data mining)
Reservations are not read out of the videos' pages; the licence of each clip is in the table. Requests for removal:
{_plain(facts.contact)}; {facts.removals} so far, all of which hold for the releases that follow.
### 3.2 Removal of illegal content
No measure of this run looks for it: [provider]
### 3.3 Other
Rules of the run, in order: {", ".join(facts.funnel) or "none"}.
"""


def _hours(seconds: float) -> str:
    return "less than 10 000 hours" if seconds < 3.6e7 else "10 000 to 1 million hours" if seconds < 3.6e9 else "more"


def _size(clips: int) -> str:
    ends = (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
        (10_000_000, "1M<n<10M"),
    )
    return next((name for most, name in ends if clips < most), "10M<n<100M")


def _plain(text: str) -> str:
    """A text of strangers in Markdown: one line, no table cell, no link, no tag."""
    clean = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    for sign in "\\|[]<>`":
        clean = clean.replace(sign, f"\\{sign}")
    return clean
