"""Panda-70M: a list of 70 million stretches of YouTube's videos."""

from __future__ import annotations

from hoigen.data.sources import manifests
from hoigen.dataset.published.source import Published

SOURCE = Published(
    name="Panda-70M",
    place=4,
    what="70,723,513 stretches of 3,779,763 videos, with captions and three columns of quality",
    where="https://github.com/snap-research/Panda-70M/tree/main/dataset_dataloading",
    how=(
        "the CSV files are on Google Drive, linked from its page. The videos are YouTube's, whose terms let nobody "
        "download what is not marked for it: hoigen fetches none of them. Those that you may have, a program of yours "
        "fetches (--fetch FOLDER --command 'PROGRAM {url} {path}')"
    ),
    index=(
        "each pair of times of the list that is found among files named by videoID; the list's caption, "
        "matching_score, desirable_filtering and shot_boundary_detection go with the clip, and the measure panda_70m "
        "makes numbers of them that rules take (keep: {matching_score: {min: 0.43}})"
    ),
    layout=(
        "snap-research/Panda-70M at 9afd40bc95a0b9ced71513ef9076661a205a1873: README.md (Updates, Oct 2024), "
        "dataset_dataloading/README.md; columns by published rows"
    ),
    rows=manifests.read,
)
