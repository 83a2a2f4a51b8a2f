"""The judge as a measure: experts are fake, the way to the table is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import fake_talk
import hoigen
from hoigen.core.errors import SetupError, UsageError
from hoigen.data.run import Run
from hoigen.rules import decide
from hoigen.rules.cascade import build_steps
from hoigen.rules.runfile import steps_of

YES = {
    "interaction": "yes",
    "triplets": [{"subject": "a person", "action": "cuts", "object": "bread"}],
    "conspicuous": "yes",
    "reason": "bread is cut",
}
NO = {"interaction": "no", "triplets": [], "conspicuous": "no", "reason": "nobody is there"}


def settings(folder: Path, judge: Any, describer: dict[str, Any] | None = None) -> dict[str, Any]:
    fake_talk.write(folder)
    (folder / "look.md").write_text("What happens here?")
    expert, log = str(folder / "fake_expert.py"), str(folder / "asked.log")
    words = judge if isinstance(judge, str) else json.dumps(judge)
    return {
        "describer": {expert: {"model": "eyes", "log": log, "says": "Hands cut bread.", **(describer or {})}},
        "judge": {expert: {"model": "judge", "log": log, "says": words, "sampling": {"frames": 0}}},
        "describe_prompt": str(folder / "look.md"),
    }


def judged(folder: Path, video: Path, given: dict[str, Any]) -> dict[str, Any]:
    hoigen.curate(
        videos=video,
        run=folder / "run",
        measures=["metadata", {"hoi_judgement": given}],
        keep={"hoi_judgement": {"min": 1}},
        shots="none",
        report=False,
        quiet=True,
    )
    run = Run(folder / "run")
    cursor = decide.connect(run, steps_of(run)[1]).execute("select * from decided")
    return dict(zip([column[0] for column in cursor.description or []], cursor.fetchone() or (), strict=True))


@pytest.mark.parametrize(("answer", "value", "state"), [(YES, 1.0, "kept"), (NO, 0.0, "dropped")])
def test_the_judge_decides(tmp_path: Path, tiny_video: Path, answer: Any, value: float, state: str) -> None:
    row = judged(tmp_path, tiny_video, settings(tmp_path, f"Here you are:\n```json\n{json.dumps(answer)}\n```"))
    assert (row["hoi_judgement"], row["hoi_conspicuous"], row["state"]) == (value, value, state)
    assert row["hoi_triplets"] == value
    shown = hoigen.show(tmp_path / "run", row["id"])
    assert shown.details["hoi_judgement"]["detail"]["caption"] == "Hands cut bread."
    assert shown.details["hoi_judgement"]["detail"]["triplets"] == answer["triplets"]


def test_answers_are_kept_with_the_run_and_an_address_changes_nothing(tmp_path: Path, tiny_video: Path) -> None:
    given = settings(tmp_path, YES)
    judged(tmp_path, tiny_video, given)
    [first] = build_steps([{"hoi_judgement": given}], {})
    given["judge"][str(tmp_path / "fake_expert.py")]["slots"] = 9
    [second] = build_steps([{"hoi_judgement": given}], {})
    assert first.fingerprint == second.fingerprint
    for part in (tmp_path / "run" / "scores").rglob("*.parquet"):
        part.unlink()
    judged(tmp_path, tiny_video, given)
    assert len((tmp_path / "asked.log").read_text().splitlines()) == 2
    given["judge"][str(tmp_path / "fake_expert.py")]["model"] = "another judge"
    assert build_steps([{"hoi_judgement": given}], {})[0].fingerprint != first.fingerprint


def test_prose_is_sent_back_once_and_then_the_clip_has_failed(tmp_path: Path, tiny_video: Path) -> None:
    row = judged(tmp_path, tiny_video, settings(tmp_path, "I think that somebody cuts bread."))
    assert (row["state"], row["rule"], row["hoi_judgement"]) == ("failed", "hoi_judgement", None)
    assert "judge malformed: no JSON object in the answer" in row["reason"]
    log = (tmp_path / "asked.log").read_text()
    assert log.count("judge ") >= 2


def test_an_expert_that_gives_no_caption_is_a_failure_not_a_no(tmp_path: Path, tiny_video: Path) -> None:
    row = judged(tmp_path, tiny_video, settings(tmp_path, YES, {"breaks": "refused"}))
    assert (row["state"], row["hoi_judgement"]) == ("failed", None)
    assert "describer refused" in row["reason"]


def test_an_expert_that_cannot_load_stops_the_run(tmp_path: Path, tiny_video: Path) -> None:
    with pytest.raises(SetupError, match="the fake expert cannot load"):
        judged(tmp_path, tiny_video, settings(tmp_path, YES, {"broken_setup": True}))


def test_unknown_experts_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"hoi_judgement.describer: unknown expert 'none_such'"):
        build_steps([{"hoi_judgement": {"describer": "none_such"}}], {})
    with pytest.raises(UsageError, match=r"hoi_judgement.judge.open_model: unknown key 'modle'; did you mean 'model'"):
        build_steps([{"hoi_judgement": {"judge": {"open_model": {"modle": "x"}}}}], {})


def test_an_excuse_is_no_caption_to_judge(tmp_path: Path, tiny_video: Path) -> None:
    row = judged(tmp_path, tiny_video, settings(tmp_path, YES, {"says": "I'm sorry, but I can't assist with that."}))
    assert (row["state"], row["hoi_judgement"]) == ("failed", None)
    assert "describer refused: an excuse" in row["reason"]


def test_a_retry_asks_again_what_was_refused(tmp_path: Path, tiny_video: Path) -> None:
    given = settings(tmp_path, YES, {"says": "I'm sorry, but I can't assist with that."})
    judged(tmp_path, tiny_video, given)
    asked = (tmp_path / "asked.log").read_text().splitlines()
    hoigen.retry(tmp_path / "run", quiet=True, decoding=["temperature=0.5"])
    again = (tmp_path / "asked.log").read_text().splitlines()[len(asked) :]
    assert len(again) == 1
    assert "eyes" in again[0]
    judged(tmp_path, tiny_video, given)
    assert len((tmp_path / "asked.log").read_text().splitlines()) == len(asked) + 1, "without one it is asked no more"


def test_a_judge_that_says_the_same_of_all_is_told(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = judged(tmp_path, tiny_video, settings(tmp_path, YES))
    assert row["hoi_likely"] is None, "no server said how likely the yes was"
    assert "tell nothing apart" not in str(hoigen.funnel(tmp_path / "run")), "of one clip nothing is told"
    monkeypatch.setattr("hoigen.rules.decide.ALIKE_FROM", 1)
    told = "hoi_judgement says yes of 1 of 1 clip: it may tell nothing apart"
    assert told in str(hoigen.funnel(tmp_path / "run")).splitlines()
