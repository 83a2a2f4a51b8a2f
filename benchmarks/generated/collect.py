"""Brings the clips that a list (clips.jsonl, or --list FILE) names, byte for byte.

python benchmarks/generated/collect.py FOLDER                   from raw.githubusercontent.com
python benchmarks/generated/collect.py FOLDER --mirror MIRRORS  from git copies: MIRRORS/OWNER+NAME/repo (a git folder)
python benchmarks/generated/collect.py FOLDER --list benchmarks/generated/clips_3.jsonl    or another list

A clip that lies in FOLDER already is checked and not fetched again. Every clip is checked against its sha256; what is
missing or differs is named, one a line, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def content(row: dict[str, Any], mirror: Path | None) -> bytes:
    """The bytes of one clip; OSError says why they cannot be had."""
    if mirror is None:
        path = urllib.parse.quote(row["path"])
        url = f"https://raw.githubusercontent.com/{row['repo']}/{row['commit']}/{path}"
        with urllib.request.urlopen(url, timeout=60) as answer:
            return bytes(answer.read())
    folder = mirror / row["repo"].replace("/", "+") / "repo"
    command = ["git", f"--git-dir={folder}", "cat-file", "blob", f"{row['commit']}:{row['path']}"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise OSError(done.stderr.decode(errors="replace").strip())
    return done.stdout


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--list", type=Path, default=HERE / "clips.jsonl", metavar="FILE", help="the clips to bring")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in options.list.read_text().splitlines()]
    failed = 0
    for row in rows:
        file = options.folder / f"{row['id']}{Path(row['path']).suffix.lower()}"
        try:
            data = file.read_bytes() if file.exists() else content(row, options.mirror)
        except (OSError, urllib.error.URLError) as error:
            print(f"{row['id']} not brought: {row['repo']} {row['path']}: {error}")
            failed += 1
            continue
        found = hashlib.sha256(data).hexdigest()
        if found != row["sha256"]:
            print(f"{row['id']} differs: {file if file.exists() else row['path']}: sha256 {found}, not {row['sha256']}")
            failed += 1
        elif not file.exists():
            file.write_bytes(data)
    print(f"{len(rows) - failed} of {len(rows)} clips in {options.folder}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
