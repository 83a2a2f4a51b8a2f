"""matplotlib and Altair against the SVG by hand of `hoigen.pages.figures`: the picture of a threshold, six times.

python benchmarks/libraries_figures.py

The same values, curves and thresholds are drawn by all three: bars of labelled values, three curves, the threshold.
"""

from __future__ import annotations

import inspect
import io
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from libraries_venv import environment, lines, megabytes, start, version, with_source

BASE = ("numpy", "pyyaml", "fsspec", "pyarrow", "duckdb")
PACKAGES = (*BASE, "matplotlib==3.11.2", "altair==6.3.0", "vl-convert-python==1.9.0.post1")


def by_matplotlib(drawn: Any) -> str:
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt
    import numpy as np

    figure, axes = plt.subplots(figsize=(7.6, 4))
    values = np.asarray(drawn.values, float)
    low, high = np.quantile(values, [0.005, 0.995])
    low, high = min([low, *drawn.bounds.values()]), max([high, *drawn.bounds.values()])
    edges = np.linspace(low, high if high > low else low + 1, 49)
    clipped = np.clip(values, edges[0], edges[-1])
    if drawn.said is None:
        axes.hist(clipped, edges, color="#d3d7db", label="clips")
    else:
        said = np.asarray(drawn.said)
        kinds = [clipped[said], clipped[~said]]
        axes.hist(kinds, edges, stacked=True, color=["#a9d6cc", "#f3cdb4"], label=["labelled yes", "labelled no"])
    if drawn.curve is not None:
        right = axes.twinx()
        right.set_ylim(0, 1)
        for name, colour in (("precision", "#0b7a68"), ("recall", "#c2571c"), ("f1", "#6a4fb3")):
            right.plot(drawn.curve.thresholds, getattr(drawn.curve, name), color=colour, label=name)
            if drawn.chosen is not None:
                at = drawn.chosen
                right.plot(drawn.curve.thresholds[at], getattr(drawn.curve, name)[at], "o", color=colour)
        right.legend(loc="center right")
    for bound, value in drawn.bounds.items():
        axes.axvline(value, color="#15181b")
        axes.annotate(f"{bound} {value:g}", (value, axes.get_ylim()[1]))
        axes.axvspan(*((edges[0], value) if bound == "min" else (value, edges[-1])), alpha=0.05, color="#15181b")
    axes.set_xlim(edges[0], edges[-1])
    figure.suptitle(drawn.title)
    axes.set_title(drawn.about)
    axes.legend(loc="upper right")
    out = io.StringIO()
    figure.savefig(out, format="svg")
    plt.close(figure)
    return out.getvalue()


def by_altair(drawn: Any) -> str:
    import altair as alt
    import vl_convert

    alt.data_transformers.disable_max_rows()
    said = drawn.said or [None] * len(drawn.values)
    rows = [
        {"value": float(v), "said": "any" if s is None else str(s)} for v, s in zip(drawn.values, said, strict=True)
    ]
    bars = alt.Chart(alt.Data(values=rows)).mark_bar().encode(
        alt.X("value:Q", bin=alt.Bin(maxbins=48)), alt.Y("count()"), alt.Color("said:N")
    )  # fmt: skip
    layers: list[Any] = [bars]
    if drawn.curve is not None:
        names = ("precision", "recall", "f1")
        points = [
            {"t": float(t), "share": float(s), "which": name}
            for name in names
            for t, s in zip(drawn.curve.thresholds[:400], getattr(drawn.curve, name)[:400], strict=True)
        ]
        curve = alt.Chart(alt.Data(values=points)).mark_line()
        layers.append(curve.encode(alt.X("t:Q"), alt.Y("share:Q"), alt.Color("which:N")))
    for bound, value in drawn.bounds.items():
        rule = alt.Chart(alt.Data(values=[{"x": float(value), "name": f"{bound} {value:g}"}]))
        layers += [rule.mark_rule().encode(x="x:Q"), rule.mark_text(dx=20).encode(x="x:Q", text="name:N")]
    chart = alt.layer(*layers, title=alt.TitleParams(drawn.title, subtitle=drawn.about))
    return str(vl_convert.vegalite_to_svg(chart.resolve_scale(y="independent").to_dict()))


def cases() -> list[Any]:
    """Labelled and not, one bound and two, a few values, one value, with outliers, many."""
    import numpy as np

    from hoigen.core.stats.thresholds import choose, curve
    from hoigen.pages.figures import Drawn

    rng = np.random.default_rng(7)
    found = []
    for size in (8, 300, 20_000):
        said = (rng.random(size) < 0.4).tolist()
        said[:2] = [True, False]
        values = (rng.normal(size=size) + np.where(said, 1.0, 0.0)).tolist()
        points = curve(values, said, "min", 0)
        at = choose(points, precision=None)
        found.append(Drawn("motion", "labelled", values, said, {"min": float(points.thresholds[at])}, points, at))
    found.append(Drawn("motion", "one value", [2.0] * 5, None, {"min": 1.0}))
    found.append(
        Drawn("motion <b> & co", "outliers", [*rng.normal(size=999).tolist(), 1e9], None, {"min": -1, "max": 1})
    )
    found.append(Drawn("motion", "no bound", rng.random(500).tolist(), None, {}))
    return found


def measured(file: Path) -> None:
    from hoigen.pages.figures import threshold_figure

    some = pickle.loads(file.read_bytes())
    for name, draw in (("ours", threshold_figure), ("matplotlib", by_matplotlib), ("Altair", by_altair)):
        times, sizes, whole = [], [], 0
        for drawn in some:
            draw(drawn)
            began = time.process_time()
            text = draw(drawn)
            times.append(time.process_time() - began)
            sizes.append(len(text))
            tree = ElementTree.fromstring(text)
            words = " ".join(tree.itertext())
            marked = all(f"{bound} {value:g}" in words or name == "matplotlib" for bound, value in drawn.bounds.items())
            whole += marked and len(list(tree.iter())) > 10
        print(f"{name:<11} {whole} of {len(some)} drawn; {1000 * sum(times) / len(some):.0f} ms of CPU", end=", ")
        print(f"{sum(sizes) / len(some) / 1000:.0f} kB each")


def main() -> None:
    if "--inside" in sys.argv:
        measured(Path(sys.argv[-1]))
        return
    from machine import headline

    print(headline())
    python = environment("figures", PACKAGES)
    for name, package, more in (
        ("matplotlib", PACKAGES[5], "import matplotlib.pyplot"),
        ("altair", PACKAGES[6], "import altair, vl_convert"),
    ):
        extra = PACKAGES[7:] if name == "altair" else ()
        alone = environment(f"figures-{name}", ("numpy", package, *extra))
        size, took = megabytes(alone, ("numpy",)), start(alone, more)
        print(f"{name} {version(alone, name)}: {size:.0f} MB beyond NumPy, start {took:.0f} ms of CPU")
    came = [len(inspect.getsource(f).splitlines()) for f in (by_matplotlib, by_altair)]
    gone = lines("src/hoigen/pages/figures.py")
    print(
        f"lines: {gone} of figures.py would go; {came[0]} would come for matplotlib, {came[1]} for Altair", flush=True
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "cases")
        file.write_bytes(pickle.dumps(cases()))
        subprocess.run([str(python), __file__, "--inside", str(file)], check=True, env=with_source())


if __name__ == "__main__":
    main()
