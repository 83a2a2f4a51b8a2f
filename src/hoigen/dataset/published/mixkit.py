"""Mixkit, as Open-Sora-Plan lists it."""

from __future__ import annotations

from functools import partial

from hoigen.dataset.published import open_sora_plan
from hoigen.dataset.published.source import Published

SOURCE = Published(
    name="Mixkit",
    place=6,
    what="stock videos; of it Open-Sora-Plan lists 1,234 videos (v1.0.0)",
    where="https://mixkit.co/",
    how=(
        "the licence on its page decides; what one downloads there by hand, one has. Open-Sora-Plan offers a list and "
        "an archive at huggingface.co/datasets/LanguageBind/Open-Sora-Plan-v1.1.0 "
        "(anno_jsons/video_mixkit_65f_54735.json, all_mixkit/) and calls them CC0. hoigen fetches nothing from the site"
    ),
    index=open_sora_plan.INDEX,
    layout=open_sora_plan.LAYOUT,
    rows=partial(open_sora_plan.rows_of, site="mixkit", name="Mixkit"),
)
