"""videos.parquet: what of a source is written, and what adding to it leaves as it was."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hoigen.core.errors import UsageError
from hoigen.data.parquet import part_rows
from hoigen.data.sources.source import Source
from hoigen.data.videolist import COLUMNS, rewrite, spread, write_or_extend, write_videos


def rows_of(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist()


def test_a_source_is_a_row_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "videos.parquet"
    sources = [
        Source("a.mp4"),
        Source("b.mp4", 1.5, 4.0, "a ca\u0301ption", "web", "CC0", {"by": "me", "ö": [1, None]}),
    ]
    assert write_videos(sources, path, batch=1) == 2
    assert tuple(pq.read_schema(path).names) == COLUMNS
    assert [tuple(row.values()) for row in rows_of(path)] == [
        ("a.mp4", None, None, None, None, None, "{}"),
        ("b.mp4", 1.5, 4.0, "a ca\u0301ption", "web", "CC0", '{"by": "me", "ö": [1, null]}'),
    ]


def test_what_json_cannot_hold_is_written_as_it_can(tmp_path: Path) -> None:
    meta = {
        "numbers": [float("nan"), float("inf"), 1.5, -float("inf")],
        "nested": {3: {"picture": b"\xff\xd8\xff", "pair": (1, "two")}},
        "when": datetime.date(2026, 11, 26),
        "yes": True,
        "nothing": None,
    }
    write_videos([Source("a.mp4", meta=meta)], tmp_path / "videos.parquet")
    assert json.loads(rows_of(tmp_path / "videos.parquet")[0]["meta"]) == {
        "numbers": [None, None, 1.5, None],
        "nested": {"3": {"picture": "<3 bytes>", "pair": [1, "two"]}},
        "when": "2026-11-26",
        "yes": True,
        "nothing": None,
    }


def test_names_that_are_no_text_can_still_be_opened(tmp_path: Path) -> None:
    write_videos(
        [Source("/v/caf\udce9 1.mp4", caption="\ud8ff!"), Source("/v/café.mp4"), Source("s3://b/\udce9.mp4")],
        tmp_path / "videos.parquet",
    )
    written = rows_of(tmp_path / "videos.parquet")
    assert [row["uri"] for row in written] == ["file:///v/caf%E9%201.mp4", "/v/café.mp4", "s3://b/\\udce9.mp4"]
    assert written[0]["caption"] == "\\ud8ff!"


def test_only_what_is_new_is_added_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    assert write_or_extend(path, [Source("b.mp4"), Source("a.mp4", caption="first")]) == 2
    assert write_or_extend(path, [Source("b.mp4"), Source("a.mp4", caption="second")]) == 0
    # another stretch of a video is another row, and of a row that comes twice one may be there already
    more = [Source("0.mp4"), Source("a.mp4", 1.0, 2.0), Source("b.mp4"), Source("b.mp4")]
    assert write_or_extend(path, more) == 3
    assert [(row["uri"], row["start"], row["caption"]) for row in rows_of(path)] == [
        ("b.mp4", None, None),
        ("a.mp4", None, "first"),
        ("0.mp4", None, None),
        ("a.mp4", 1.0, None),
        ("b.mp4", None, None),
    ]
    assert write_or_extend(path, []) == 0, "what was measured is not forgotten"
    gone: list[int] = []
    write_or_extend(path, [Source("b.mp4"), Source("new.mp4")], gone.append)
    assert gone == [4], "of a row that is there twice one"
    write_or_extend(path, [Source(row["uri"], row["start"], row["end"]) for row in rows_of(path)], gone.append)
    assert gone == [4]
    assert [entry.name for entry in tmp_path.iterdir() if entry.suffix != ""] == ["videos.parquet"]


def test_a_list_of_nothing_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no videos were found"):
        write_or_extend(tmp_path / "videos.parquet", [])
    with pytest.raises(UsageError, match="gopher"):
        write_or_extend(tmp_path / "videos.parquet", [Source("a.mp4"), Source("gopher://b.mp4")])
    assert not list(tmp_path.iterdir())


def test_rewriting_keeps_the_order_and_the_columns(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    write_videos([Source(f"{at}.mp4", float(at)) for at in (2, 0, 1)], path)
    rewrite(path, lambda row: row | {"caption": row["uri"].upper()})
    assert [(row["start"], row["caption"]) for row in rows_of(path)] == [
        (2.0, "2.MP4"),
        (0.0, "0.MP4"),
        (1.0, "1.MP4"),
    ]
    assert tuple(pq.read_schema(path).names) == COLUMNS


def test_a_damaged_list_is_named_by_all_that_read_it(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    path.write_bytes(b"PAR1 cut short")
    readers: list[Callable[[], Any]] = [
        lambda: write_or_extend(path, [Source("a.mp4")]),
        lambda: rewrite(path, dict),
        lambda: part_rows(path),
    ]
    for read in readers:
        with pytest.raises(pa.ArrowInvalid) as raised:
            read()
        assert raised.value.__notes__ == [str(path)]
    assert path.read_bytes() == b"PAR1 cut short"
    assert part_rows(tmp_path / "none.parquet") is None
    write_videos([Source("a.mp4"), Source("b.mp4")], path)
    assert part_rows(path) == 2


def test_some_are_spread_over_the_list_from_first_to_last(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    write_videos((Source(f"{at}.mp4") for at in range(1000)), path, batch=64)
    found = [int(uri.removesuffix(".mp4")) for uri in spread(path, 8)]
    assert found == [0, 125, 250, 375, 500, 625, 750, 875, 999]
    write_videos([Source("only.mp4")], path)
    assert spread(path, 8) == ["only.mp4"]
