"""Pages for who runs a team: how far it is, how sure the answers are, and what need not be looked at."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hoigen.core.errors import UsageError
from hoigen.core.stats.resample import Estimate
from hoigen.review import order, people, precision, quality
from hoigen.review import tables as t
from hoigen.review.people import ADMIN, Person
from hoigen.review.questions import KEEP, QUESTIONS
from hoigen.review.summary import Made, Summary
from hoigen.review.web import Site, Wrong, page, sent_to, shown, site_of

STATES: Mapping[int, str] = {
    t.OPEN: "still to be answered",
    t.DONE: "answered",
    t.DISPUTED: "people differ or are unsure: to be decided",
    t.ADJUDICATED: "decided",
    t.LEFT_OUT: "kept without an answer (their band is sure)",
    t.GOLD: "gold: their answer is known",
    t.REMOVED: "removed: somebody asked for that",
    t.UNKEPT: "not asked: the run's rules drop the clip now",
}
BANDS: Mapping[str, str] = {
    "sure": "sure: only sampled",
    "open": "more are to be drawn",
    "unsure": "too few are good: all are looked at",
    "all": "all are looked at",
}


def prepare(app: Starlette, site: Site) -> None:
    """Sets up what the pages tell of the whole review (`app.state.bands`, `app.state.quality`)."""
    project = site.project
    app.state.ordering = order.Ordering(project)
    app.state.bands = Summary(functools.partial(precision.update, project, lately=True), site.patience)
    app.state.quality = {
        name: Summary(functools.partial(quality.overview, project, name), site.patience) for name in QUESTIONS
    }


def _name(request: Request) -> str:
    name = str(request.path_params.get("question", KEEP))
    if name not in QUESTIONS:
        raise Wrong(404, "There is no such question.")
    return name


@page(ADMIN)
def quality_page(request: Request, person: Person) -> Response:
    """How far it is, and what each person's answers are worth."""
    name = _name(request)
    summary: Summary[quality.Overview] = request.app.state.quality[name]
    made = summary.look()
    counted: Made[dict[str, Any]] | None = request.app.state.counts.look()
    asked = [name] if counted is None else sorted(counted.value)
    if made is None:
        return shown(request, "counting.html", person=person, what=f"Quality: {QUESTIONS[name].title}", wrong="")
    found = made.value
    most = max((count for _, count in found.days), default=1) or 1
    return shown(
        request,
        "quality.html",
        person=person,
        question=QUESTIONS[name],
        at=moment(made.at),
        asked=asked,
        states=[(words, found.states.get(state, 0)) for state, words in STATES.items()],
        found=found,
        most=most,
        finish=f"{found.finish.at:%d %B %Y, %H:%M} UTC" if found.finish.at else found.finish.reason,
        agreement=[
            ("raw agreement", found.agreement.raw),
            ("Cohen's kappa", found.agreement.kappa),
            ("Fleiss' kappa", found.agreement.fleiss),
            ("Gwet's AC1", found.agreement.ac1),
            ("Krippendorff's alpha", found.agreement.alpha),
        ],
        share=share,
        number=number,
    )


@page(ADMIN)
def saving_page(request: Request, person: Person) -> Response:
    """How good what the machine would keep is, by score band, and in which order clips come."""
    return _saving(request, person)


def _saving(request: Request, person: Person, wrong: str = "") -> Response:
    project = site_of(request).project
    summary: Summary[precision.Precision] = request.app.state.bands
    made = summary.look()
    if made is None:
        facts: dict[str, Any] = {"what": "What need not be looked at", "wrong": wrong}
        return shown(request, "counting.html", person=person, status=400 if wrong else 200, **facts)
    found = made.value
    ordering: order.UnderWay | None = request.app.state.ordering.now
    promise = project.setting("promise")
    rows = [
        {
            "low": edge[0], "high": edge[1], "clips": band.own.clips, "seen": band.own.seen,
            "precision": share(band.precision), "together": share(band.together),
            "state": BANDS[band.state], "why": band.why,
        }
        for band, edge in zip(found.saving.bands, found.edges, strict=True)
    ]  # fmt: skip
    return shown(
        request,
        "saving.html",
        person=person,
        status=400 if wrong else 200,
        wrong=wrong,
        found=found,
        rows=rows,
        false_keep=None if found.false_keep is None else f"{found.false_keep:.1%}",
        promise="" if promise is None else f"{100 * promise:g}",
        at=moment(made.at),
        newer=promise != found.promise,
        orders=order.ORDERS,
        order=ordering.by if ordering else project.setting("order") or "random",
        ordering=ordering,
    )


@page(ADMIN, changes=True)
def change_saving(request: Request, person: Person, form: dict[str, str]) -> Response:
    """Sets what is promised, or the order."""
    project = site_of(request).project
    what = form.get("what", "")
    try:
        if what == "promise":
            promised = promise_of(form.get("promise", ""))
            project.set(promise=promised)
            request.app.state.bands.renew()
            told: dict[str, Any] = {"promise": promised}
        elif what == "order":
            by = form.get("by", "")
            request.app.state.ordering.begin(by)
            told = {"order": by}
        else:
            raise Wrong(400, "That cannot be done here.")
    except UsageError as error:
        return _saving(request, person, site_of(request).words(error))
    with project.db.write() as con:
        people.audit(con, person.name, "saving", **told)
    return sent_to(request, "/saving")


def promise_of(text: str) -> float | None:
    """A share in per cent; None for nothing. Raises UsageError."""
    if not text.strip():
        return None
    try:
        share = float(text.strip().rstrip("%").replace(",", ".")) / 100
    except ValueError:
        share = float("nan")
    if not 0.5 <= share <= 0.9999:
        raise UsageError(f"The promise is 50 to 99.99 per cent, or nothing; it came as {text[:20]!r}.")
    return share


def moment(at: float) -> str:
    """A moment, in words."""
    return f"{datetime.fromtimestamp(at, UTC):%d %B %Y, %H:%M:%S} UTC"


def share(found: Estimate) -> str:
    """A share with its interval, in words."""
    if found.value is None:
        return f"not known: {found.reason}"
    inside = f" ({found.low:.1%} to {found.high:.1%})" if found.low is not None and found.high is not None else ""
    return f"{found.value:.1%}{inside}"


def number(found: Estimate) -> str:
    """A number of agreement with its interval, in words."""
    if found.value is None:
        return found.reason
    if found.low is None or found.high is None:
        return f"{found.value:.2f} (no interval: {found.unsure})"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


ROUTES = [
    Route("/quality", quality_page),
    Route("/quality/{question}", quality_page),
    Route("/saving", saving_page, methods=["GET"]),
    Route("/saving", change_saving, methods=["POST"]),
]
