"""hoigen template: a recipe with every key, to start from."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from hoigen.core.registry import meaning, measures, plugins
from hoigen.core.settings import keys_of, plain, summary
from hoigen.recipe.recipe import KEYS
from hoigen.rules.cascade import HUMAN, SAID
from hoigen.video.shots import detectors

WIDTH = 110

HEAD = """\
A recipe of hoigen curate: every key with its default. What stands behind a # is a comment or a choice;
`hoigen validate FILE` checks it, and each key can be set on the command line too: --set key=value."""


def template() -> str:
    """Prints a recipe with every key, its default and its meaning, as YAML.

    Loaded as it is, it holds the defaults. All measures and their settings stand in it as comments.
    """
    lines = [*_comment(HEAD)]
    for key in KEYS.values():
        lines += ["", *_comment(f"{key.help}.")]
        if key.required:
            lines.append(f"# {key.name}: {key.name.upper()}  # must be given, here or as --{key.name}")
        else:
            lines += [f"{key.name}: {flow(key.default)}", *_choices(key.name)]
    return "\n".join(lines)


def _comment(text: str, lead: str = "# ") -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), WIDTH - len(lead)):
        yield lead + line


def flow(value: Any) -> str:
    """A value as YAML on one line."""
    import yaml

    text = yaml.safe_dump(plain(value), default_flow_style=True, width=10_000, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")


def _settings(cls: type[Any], lead: str) -> Iterator[str]:
    for key in keys_of(cls):
        value = "..." if key.required else flow(key.default)
        yield f"{lead}{key.name}: {value}" + (f"  # {key.help}" if key.help else "")


def _choices(key: str) -> Iterator[str]:
    """What there is to choose from below a key, as lines that hold once their `# ` is taken away."""
    if key == "measures":
        yield from _comment("All that there are, with their settings (take [] and the # of a line away):")
        for name, cls in measures():
            yield from _comment(summary(cls), "#   # ")
            yield f"#   - {name}:" if keys_of(cls) else f"#   - {name}"
            yield from _settings(cls, "#       ")
        yield "#   # A file of one's own, beside the recipe:"
        yield "#   - ./my_measure.py"
        yield from _comment("Who may look, as `observer` of the measures above, with the defaults of each:")
        for name, cls in plugins("observer"):
            yield from _comment(summary(cls), "#   # ")
            yield f"#   observer: {{{name}: {{}}}}" if not keys_of(cls) else f"#   observer:\n#     {name}:"
            yield from _settings(cls, "#       ")
    elif key == "keep":
        yield from _comment("One rule a score, such as duration: {above: 1}. The scores of all measures:")
        for name, cls in measures():
            for number in cls.numbers:
                own = number.name == name or number.about != meaning(cls)
                about = f": {number.about}" if own else ""
                yield from _comment(f"{number.name} ({name}){about}", "#   ")
        yield from _comment(f"{HUMAN} (no measure's; docs/annotations.md): {SAID.about}", "#   ")
    elif key == "shots":
        yield from _comment("A detector with its settings:")
        for name, cls in detectors():
            yield "# shots:"
            yield f"#   {name}:  # {summary(cls)}"
            yield from _settings(cls, "#     ")
