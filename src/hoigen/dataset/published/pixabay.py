"""Pixabay, as Open-Sora-Plan lists it."""

from __future__ import annotations

from functools import partial

from hoigen.dataset.published import open_sora_plan
from hoigen.dataset.published.source import Published

SOURCE = Published(
    name="Pixabay",
    place=7,
    what="stock videos; of it Open-Sora-Plan lists 31,616 videos (v1.0.0)",
    where="https://pixabay.com/videos/",
    how=(
        "its terms decide: files may be used, and not passed on as they are; what one downloads there by hand, or by "
        "its API with a key of one's own, one has. Open-Sora-Plan offers a list and archives at "
        "huggingface.co/datasets/LanguageBind/Open-Sora-Plan-v1.1.0 (anno_jsons/video_pixabay_65f_601513.json, "
        "pixabay_v2_tar/) and calls them CC0. hoigen fetches nothing from the site"
    ),
    index=open_sora_plan.INDEX,
    layout=open_sora_plan.LAYOUT,
    rows=partial(open_sora_plan.rows_of, site="pixabay", name="Pixabay"),
)
