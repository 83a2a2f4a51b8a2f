"""Pexels, as Open-Sora-Plan lists it."""

from __future__ import annotations

from functools import partial

from hoigen.dataset.published import open_sora_plan
from hoigen.dataset.published.source import Published

SOURCE = Published(
    name="Pexels",
    place=8,
    what="stock videos; of it Open-Sora-Plan lists 7,408 videos (v1.0.0)",
    where="https://www.pexels.com/videos/",
    how=(
        "its terms forbid to compile data sets and to train models without its permission: ask it for that first. "
        "Open-Sora-Plan offers a list and archives at huggingface.co/datasets/LanguageBind/Open-Sora-Plan-v1.1.0 "
        "(anno_jsons/video_pexel_65f_3832666.json, pexel/) and calls them CC0. hoigen fetches nothing from the site"
    ),
    index=open_sora_plan.INDEX,
    layout=open_sora_plan.LAYOUT,
    rows=partial(open_sora_plan.rows_of, site="pexel", name="Pexels"),
)
