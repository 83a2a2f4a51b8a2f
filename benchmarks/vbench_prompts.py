"""Reads every list of prompts of a checkout of VBench (github.com/Vchitect/VBench): docs/prompts.md, Lists of VBench.

    python benchmarks/vbench_prompts.py CHECKOUT

Counts the files that are read, files of which other prompts came than their own lines have, names too long for a file,
and names (`<id>-0`, and VBench's `<prompt>-0` cut at 180 letters) that lead to another prompt, or to none although no
other prompt of the list is cut to the same.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from hoigen.core.errors import UsageError
from hoigen.interactions.prompts.matching import Names
from hoigen.interactions.prompts.suite import read_suite

LONGEST = 180
"""Letters of a name that VBench's own scripts leave of a prompt."""


def words_of(path: Path) -> set[str]:
    """The prompts of a file, read without hoigen."""
    if path.suffix == ".txt":
        return {line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n") if line.strip()}
    found = json.loads(path.read_text(encoding="utf-8"))
    items = list(found.values()) if isinstance(found, dict) else found
    return {(item.get("prompt_en") or item.get("caption") or item.get("summary")).strip() for item in items}


def main() -> None:
    """Sweeps the folder and prints what came of it."""
    root = Path(sys.argv[1])
    files = sorted(
        path
        for path in root.rglob("*")
        if path.suffix in (".txt", ".json")
        and "third_party" not in path.parts
        and ("prompt" in str(path.relative_to(root)).lower() or "full_info" in path.name or "story" in path.name)
    )
    refused, other, prompts, lost, long, alike = [], [], 0, 0, 0, 0
    for path in files:
        try:
            suite = read_suite(path)
        except UsageError as error:
            refused.append(str(error))
            continue
        if {prompt.short for prompt in suite.prompts} != words_of(path):
            other.append(str(path))
        names = Names(suite)
        prompts += len(suite.prompts)
        cut = {prompt.id: prompt.short.replace("/", "")[:LONGEST] for prompt in suite.prompts}
        times = Counter(cut.values())
        for prompt in suite.prompts:
            long += len(f"{prompt.id}-0.mp4".encode()) > 255
            lost += names.find(f"{prompt.id}-0")[0] is not prompt
            if (found := names.find(f"{cut[prompt.id]}-0")[0]) is not prompt:
                alike += found is None and times[cut[prompt.id]] > 1
                lost += found is not None or times[cut[prompt.id]] == 1
    print(f"{len(files)} files, {len(files) - len(refused)} read, {prompts} prompts")
    print(f"other prompts than the file's lines: {len(other)} files; names too long: {long}; names not found: {lost}")
    print(f"cut to the same name as another prompt of their list, and so of none: {alike}")
    print("\n".join(refused + other))


if __name__ == "__main__":
    main()
