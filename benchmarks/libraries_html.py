"""htpy and Jinja2 against `hoigen.pages.markup`: hostile texts, the same page, lines, time, start-up, megabytes.

PYTHONPATH=tests/pages python benchmarks/libraries_html.py

The page is that of tests/pages/conftest.py: a run of 9,381 clips whose names try to break it. htpy takes the place of
`markup` as a whole (`HTPY` below is all that would come); Jinja2 is tried on one section, the failures.
"""

from __future__ import annotations

import inspect
import pickle
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from libraries_venv import environment, lines, megabytes, start, version, with_source

PACKAGES = ("numpy", "pyyaml", "fsspec", "pyarrow", "htpy==26.5.1", "Jinja2==3.1.6")
RENDERS = 20

HTPY = """
import re
from collections.abc import Iterable
from typing import Any

import htpy
from markupsafe import Markup as Html, escape

Child = Any
_CONTROL = re.compile(r"[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f]")

def text(value: object) -> Html:
    return value if isinstance(value, Html) else escape(_plain(value))

def _plain(value: object) -> str:
    return _CONTROL.sub("\\N{REPLACEMENT CHARACTER}", str(value).encode("utf-8", "replace").decode("utf-8"))

def join(children: Iterable[Any]) -> Html:
    return Html(htpy.fragment[_clean(children)])

def _clean(child: Any) -> Any:
    if isinstance(child, Html) or child is None or child is False:
        return child
    return text(child) if isinstance(child, str | int | float) else [_clean(each) for each in child]

def el(name: str, /, *children: Child, **attributes: object) -> Html:
    named = {key.rstrip("_").replace("_", "-"): value for key, value in attributes.items()}
    written = {k: v if v is None or isinstance(v, bool) else _plain(v) for k, v in named.items()}
    element = getattr(htpy, name)(written)
    return Html(element[_clean(children)] if children else element)
"""

FAILURES = """
{%- if not facts.failures %}{{ section("failures", "Failures", "", nothing, notes) }}{% else -%}
<section id="failures"><header><h2 tabindex="-1">Failures</h2><p>A failed clip was not judged: it is neither kept nor
dropped. <code>hoigen retry</code> tries again.</p></header>
<div class="scroll" tabindex="0" role="region" aria-label="Failures"><table class="wide">
<thead><tr><th scope="col">clips</th>
<th scope="col">at</th><th scope="col">reason</th><th scope="col">examples</th></tr>
</thead><tbody>{% for group in facts.failures %}<tr>
  <td class="count">{{ count(group.count) }}</td><td>{{ group.where }}</td>
  <td class="reason"><bdi>{{ group.reason }}</bdi></td>
  <td><ul>{% for uri in group.examples %}<li><bdi>{{ uri }}</bdi></li>{% endfor %}
  {% if group.count > group.examples | length %}
    <li class="more">and {{ count(group.count - group.examples | length) }} more</li>
  {% endif %}</ul></td>
</tr>{% endfor %}</tbody></table></div>
{%- if facts.notes %}<h3>Notes on videos and shots</h3><ul>{% for note in facts.notes %}<li>{{ note }}</li>{% endfor %}
</ul>{% endif %}</section>{% endif %}
"""


def hostile() -> list[str]:
    """Names of the tests, and each control and quoting character alone."""
    from nasty import NASTY

    single = [f"a{chr(code)}b" for code in (*range(0x20), 0x7F, 0x85, 0x9F, 0xD800, 0xDFFF, 0xFFFE)]
    return [*NASTY, *single, "'", '"', "&amp;", "]]>", "{{ 7 * 7 }}", "<!--", "javascript:alert(1)", "\u2028"]


def holds(source: str, given: str) -> bool:
    """Whether a page with the text as title and as attribute can be written, and is one element that says it: control
    characters that HTML and XML do not have, and halves of surrogates, being replaced."""
    import html.parser
    from xml.etree import ElementTree

    from hoigen.pages import markup

    seen: list[Any] = []

    class Page(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            seen.append((tag, dict(attrs)))

        def handle_data(self, data: str) -> None:
            seen.append(data)

    try:
        source.encode("utf-8")
        ElementTree.fromstring(source.replace("\ufffe", ""))
    except (UnicodeEncodeError, ElementTree.ParseError):
        return False
    page = Page(convert_charrefs=True)
    page.feed(source)
    page.close()
    import html as plain

    said = plain.unescape(markup.text(given))
    return seen[0] == ("p", {"title": said}) and "".join(seen[1:]) == said


def measured(folder: Path) -> None:
    import htpy
    import jinja2

    facts = pickle.loads((folder / "facts").read_bytes())
    texts = pickle.loads((folder / "texts").read_bytes())
    from hoigen.pages import markup

    template = jinja2.Environment(autoescape=True).from_string('<p title="{{ t }}">{{ t }}</p>')
    filtered = jinja2.Environment(autoescape=True, finalize=_plain)
    filtered_template = filtered.from_string('<p title="{{ t }}">{{ t }}</p>')
    ways = {
        "ours": lambda t: markup.el("p", t, title=t),
        "htpy alone": lambda t: str(htpy.p(title=t)[t]),
        "Jinja2, autoescape": lambda t: template.render(t=t),
        "Jinja2, our filter": lambda t: filtered_template.render(t=t),
    }
    for name, write in ways.items():
        print(f"hostile texts, {name:<20} {sum(holds(write(t), t) for t in texts)} of {len(texts)}")

    _misspelt(facts)
    from hoigen.pages import page

    def rendered(render: Any) -> tuple[str, float]:
        times = []
        for _ in range(RENDERS):
            began = time.process_time()
            text = render(facts)
            times.append(time.process_time() - began)
        return text, 1000 * min(times)

    ours, took = rendered(page.render)
    for name in [name for name in sys.modules if name.startswith("hoigen.pages")]:
        del sys.modules[name]
    replaced = ModuleType("hoigen.pages.markup")
    exec(HTPY, replaced.__dict__)
    sys.modules["hoigen.pages.markup"] = replaced
    from hoigen.pages import page as again

    theirs, longer = rendered(again.render)
    print(f"page: {len(ours):,} characters in {took:.1f} ms of CPU; htpy {len(theirs):,} in {longer:.1f} ms;", end=" ")
    same = _parsed(ours) == _parsed(theirs)
    print("the same elements, attributes and texts" if same else "they differ")


def _misspelt(facts: Any) -> None:
    """How many names that no fact has a template tells of, when it is rendered as it comes and strictly."""
    import jinja2

    names = sorted(set(re.findall(r"(?:facts|group)\.\w+", FAILURES)))
    for way, undefined in (("as it comes", jinja2.Undefined), ("strict", jinja2.StrictUndefined)):
        told = 0
        for name in names:
            made = jinja2.Environment(autoescape=True, undefined=undefined)
            spoiled = made.from_string(FAILURES.replace(name, name + "x"))
            try:
                spoiled.render(facts=facts, count=str, section=str)
            except (jinja2.UndefinedError, TypeError):
                told += 1
        print(f"misspelt names, Jinja2 {way}: {told} of {len(names)} end the rendering, none is found before it")


def _plain(value: object) -> str:
    """The filter that a template needs beside autoescape, as `markup.text` has it."""
    from hoigen.pages.markup import _CONTROL

    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", str(value).encode("utf-8", "replace").decode("utf-8"))


def _parsed(source: str) -> list[Any]:
    import html.parser

    seen: list[Any] = []

    class Page(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            seen.append((tag, sorted(attrs)))

        def handle_startendtag(self, tag: str, attrs: Any) -> None:
            seen.extend([(tag, sorted(attrs)), f"/{tag}"])

        def handle_endtag(self, tag: str) -> None:
            seen.append(f"/{tag}")

        def handle_data(self, data: str) -> None:
            seen.append(data)

    page = Page(convert_charrefs=True)
    page.feed(source)
    page.close()
    return seen


def _facts() -> Any:
    """The fixture of tests/pages, made without pytest."""
    import conftest

    return conftest.facts._get_wrapped_function()()


def main() -> None:
    if "--inside" in sys.argv:
        measured(Path(sys.argv[-1]))
        return
    from machine import headline

    from hoigen.pages import page

    print(headline())
    python = environment("html", PACKAGES)
    alone = {"htpy": environment("html-htpy", PACKAGES[4:5]), "Jinja2": environment("html-Jinja2", PACKAGES[5:])}
    for name, each in alone.items():
        took = start(each, f"import {name.lower()}")
        print(f"{name} {version(each, name)}: {megabytes(each):.1f} MB, import {took:.0f} ms of CPU")
    print(f"our markup: import {start(python, 'import hoigen.pages.markup') - start(python, 'import hoigen'):.0f} ms")
    own = lines("src/hoigen/pages/markup.py")
    print(f"lines: {own} of markup.py would go, {sum(bool(x.strip()) for x in HTPY.splitlines())} would come for htpy")
    section = len(inspect.getsource(page._failures).splitlines())
    jinja = len(FAILURES.strip().splitlines())
    print(f"lines of the section on failures: {section} in Python, {jinja} for Jinja2", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "facts").write_bytes(pickle.dumps(_facts()))
        Path(folder, "texts").write_bytes(pickle.dumps(hostile()))
        subprocess.run([str(python), __file__, "--inside", folder], check=True, env=with_source())


if __name__ == "__main__":
    main()
