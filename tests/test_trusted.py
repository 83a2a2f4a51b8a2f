"""Files from a person one does not know: a run or a recipe that names a file must not make hoigen run it."""

from __future__ import annotations

import hashlib
import importlib.util
import py_compile
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import hoigen
from hoigen.commands.cli import main, verb_function
from hoigen.core import trusted
from hoigen.core.errors import UsageError
from run_folders import curated

MARK = "from pathlib import Path; Path({marker!r}).touch()\n"
MEASURE = """
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("mine")
class Mine:
    '''A number.'''
    number: float = 1.0
    other: str = ""
    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        return Score(self.number)
"""


def evil(path: Path, text: str = MEASURE) -> Path:
    """A file that says so when it is run: by the name of its folder, so that each is one of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MARK.format(marker=str(path.with_suffix(".ran"))) + text)
    return path


def ran(path: Path) -> bool:
    return path.with_suffix(".ran").exists()


@pytest.fixture
def received(tmp_path: Path, tiny_video: Path) -> Path:
    """A run folder as it comes from somebody else; its measure lies in it."""
    (tmp_path / "videos").mkdir()
    shutil.copy(tiny_video, tmp_path / "videos" / "a.mp4")
    run = tmp_path / "run"
    curated(videos=tmp_path / "videos", run=run)
    facts = yaml.safe_load((run / "run.yaml").read_text())
    facts["recipe"]["measures"] = ["metadata", str(evil(run / "scores.py"))]
    (run / "run.yaml").write_text(yaml.safe_dump(facts))
    (run / "labels.csv").write_text("id,label\nx,yes\n")
    return run


def listing(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def refused(words: list[str], capsys: pytest.CaptureFixture[str], *files: Path) -> str:
    """Exit code 2, one error that names each file, nothing run."""
    capsys.readouterr()
    assert main(words) == 2, words
    said = capsys.readouterr().err
    for file in files:
        assert f"{file} (sha256 {hashlib.sha256(file.read_bytes()).hexdigest()[:12]}" in said
        assert f"--trust {file}" in said
        assert not ran(file)
    assert said.count("would be run as Python") == 1, "one error for all"
    return said


VERBS: dict[str, Callable[[Path], list[str]]] = {
    "curate": lambda run: ["curate", str(run / "run.yaml")],
    "curate again": lambda run: ["curate", str(run / "run.yaml"), "--set", "measures.metadata={}"],
    "retry": lambda run: ["retry", str(run)],
    "funnel": lambda run: ["funnel", str(run)],
    "funnel --set": lambda run: ["funnel", str(run), "--set", "keep={}"],
    "suggest": lambda run: ["suggest", str(run), "--labels", str(run / "labels.csv")],
    "table": lambda run: ["table", str(run)],
    "report": lambda run: ["report", str(run)],
    "cut": lambda run: ["cut", str(run)],
    "caption": lambda run: ["caption", str(run), "--set", "captioner=grounded"],
    "caption --dry-run": lambda run: ["caption", str(run), "--recipe", "lite", "--dry-run"],
    "show": lambda run: ["show", str(run), "a"],
    "agree": lambda run: ["agree", str(run), str(run / "labels.csv")],
    "report --beside": lambda run: ["report", str(run), "--beside", str(run)],
    "compare": lambda run: ["compare", str(run)],
    "validate": lambda run: ["validate", str(run / "run.yaml")],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_received_run(verb: str, received: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if verb in ("compare", "agree", "report --beside"):  # these read runs of evaluate alone
        (received / "evaluation.json").write_text('{"models": {"m": {}}}')
    before = listing(received)
    said = refused(VERBS[verb](received), capsys, received / "scores.py")
    assert said.startswith(f"hoigen: {received / 'run.yaml'} ")
    assert listing(received) == before, "nothing is written"


@pytest.mark.parametrize("verb", ["retry", "funnel", "table", "report", "cut", "caption"])
def test_a_received_run_in_python(verb: str, received: Path) -> None:
    with pytest.raises(UsageError, match="would be run as Python"):
        verb_function(verb)(received, **({"set": ["captioner=grounded"]} if verb == "caption" else {}))
    assert not ran(received / "scores.py")


def test_every_command_has_the_option(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in hoigen.VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        assert "--trust FILE" in capsys.readouterr().out, verb


EXPERT = """
from typing import Any
from hoigen import Sampling
from hoigen.core.errors import SetupError
from hoigen.models.experts.call import Answer, Request
from hoigen.core.registry import expert

@expert("mine")
class Mine:
    '''Says nothing.'''
    model: str = "m"
    slots: int = 1
    sampling: Sampling = Sampling(frames=1)
    @property
    def identity(self) -> Any:
        return {"model": self.model}
    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def answer(self, request: Request) -> Answer:
        raise SetupError("nobody is here")
"""


def nested(folder: Path) -> tuple[dict[str, Any], list[Path]]:
    """A recipe that names files in every place that may hold one, and those files."""
    names = ("m1", "m2", "captioner", "describer", "judge", "observer", "expert", "decision", "third")
    at = {name: evil(folder / f"{name}.py", EXPERT) for name in names}
    captioner = {str(at["captioner"]): {"eyes": {"./decision.py": {"model": "x"}}, "mind": {"any": ["./third.py"]}}}
    recipe = {
        "measures": [
            "metadata",
            "./m1.py",
            {"./m2.py": {"number": 2}},
            {"hoi_judgement": {"describer": "./describer.py", "judge": {"./judge.py": {"model": "x"}}}},
            {"coarse_hoi": {"observer": "./observer.py"}},
            {"fine_hoi": {"observer": {"mllm": {"expert": {"./expert.py": None}}}}},
        ],
        "caption": {"captioner": captioner},
    }
    return recipe, list(at.values())


def test_a_received_recipe_names_all_its_files_at_once(
    tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, files = nested(tmp_path / "theirs")
    path = tmp_path / "theirs" / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    videos = ["--videos", str(tmp_path / "videos")]
    said = refused(["curate", str(path), *videos, "--run", str(tmp_path / "new")], capsys, *files)
    assert f"{path} names 9 files" in said
    refused(["validate", str(path)], capsys, *files)
    (tmp_path / "suite.txt").write_text("A man drinks\n")
    evaluation = ["evaluate", *videos, "--prompts", str(tmp_path / "suite.txt"), "--run", str(tmp_path / "new")]
    refused([*evaluation, "--recipe", str(path)], capsys, *files)
    for words in ({"set": ["workers=1"]}, {}):
        with pytest.raises(UsageError, match="names 9 files that would be run"):
            hoigen.evaluate(
                videos=[tmp_path / "videos"],
                prompts=tmp_path / "suite.txt",
                run=tmp_path / "new",
                recipe=path,
                **words,  # type: ignore[arg-type]
            )
    assert not (tmp_path / "new").exists()
    assert not any(map(ran, files))


@pytest.mark.parametrize("where", ["captioner", "eyes", "mind", "single", "mixture"])
def test_a_received_captioner(where: str, tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "mine"
    curated(videos=tiny_video, run=run)
    file = evil(tmp_path / "theirs" / "x.py", EXPERT)
    spec: Any = {
        "captioner": "./x.py",
        "eyes": {"single": {"expert": "./x.py"}},
        "mind": {"grounded": {"expert": {"./x.py": {"model": "y"}}}},
        "single": {"single": {"expert": {"./x.py": {"a": [{"b": 1}]}}}},
        "mixture": {"mixture": {"first": "chat_server", "decision": "./x.py"}},
    }[where]
    path = tmp_path / "theirs" / "r.yaml"
    path.write_text(yaml.safe_dump({"measures": ["metadata"], "caption": {"captioner": spec}}))
    before = listing(run)
    refused(["caption", str(run), "--recipe", str(path)], capsys, file)
    with pytest.raises(UsageError, match="would be run as Python"):
        hoigen.caption(run, recipe=path)
    assert listing(run) == before
    # the same words in a run's own run.yaml
    facts = yaml.safe_load((run / "run.yaml").read_text())
    facts["recipe"]["caption"] = yaml.safe_load(path.read_text().replace("./x.py", str(file)))["caption"]
    (run / "run.yaml").write_text(yaml.safe_dump(facts))
    before = listing(run)
    refused(["caption", str(run)], capsys, file)
    refused(["retry", str(run)], capsys, file)
    assert listing(run) == before, "failures are not forgotten before the question"
    assert main(["funnel", str(run)]) == 0, "what a command does not run is not asked about"
    assert not ran(file)


def test_prompts_of_a_received_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [evil(tmp_path / f"{name}.py", EXPERT) for name in ("writer", "checker")]
    (tmp_path / "r.yaml").write_text(
        yaml.safe_dump({"extend": {"expert": "./writer.py", "checker": {"./checker.py": {}}}})
    )
    refused(["prompts", str(tmp_path / "suite.json"), "--extend", str(tmp_path / "r.yaml")], capsys, *files)
    assert not (tmp_path / "suite.json").exists()


@pytest.mark.parametrize("key", ["trust", "beside", "quiet"])
def test_a_recipe_trusts_nothing_itself(
    key: str, received: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = received / "scores.py"
    recipe = {
        "videos": str(tmp_path / "videos"),
        "run": str(tmp_path / "new"),
        "measures": [str(file)],
    }
    for text in (f"{key}: [{file}]", f"{key}: null", f"{key}: true"):
        (tmp_path / "r.yaml").write_text(yaml.safe_dump(recipe) + text + "\n")
        assert main(["curate", str(tmp_path / "r.yaml")]) == 2
        facts = yaml.safe_load((received / "run.yaml").read_text())
        facts["recipe"] |= yaml.safe_load(text)
        (received / "run.yaml").write_text(yaml.safe_dump(facts))
        for verb in ("retry", "funnel", "report"):
            assert main([verb, str(received)]) == 2
        assert "Traceback" not in capsys.readouterr().err
    assert not ran(file)
    assert not (tmp_path / "new").exists()


def own(folder: Path, measure: str = MEASURE) -> tuple[Path, list[str]]:
    """A measure of one's own, a recipe that names it, and the command."""
    file = evil(folder / "mine.py", measure)
    (folder / "r.yaml").write_text("shots: none\nworkers: 1\nreport: false\nmeasures: [metadata, ./mine.py]\n")
    words = [
        "curate",
        str(folder / "r.yaml"),
        "--videos",
        str(folder / "videos"),
        "--run",
        str(folder / "new"),
        "--quiet",
    ]
    return file, words


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process: what this one was granted is gone, what is remembered stays."""
    monkeypatch.delenv(trusted.ENV, raising=False)


def test_asked_once_then_remembered_until_it_changes(
    tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, words = own(tmp_path)
    said = refused(words, capsys, file)
    assert said.startswith(f"hoigen: {tmp_path / 'r.yaml'} names a file ")
    assert main([*words, "--trust", str(file)]) == 0
    assert f"{file} (sha256 " in capsys.readouterr().err
    assert ran(file)
    forget(monkeypatch)
    for again in (
        ["funnel", str(tmp_path / "new")],
        words,
        ["table", str(tmp_path / "new")],
        ["retry", str(tmp_path / "new")],
    ):
        capsys.readouterr()
        assert main(again) == 0
        assert "may run" not in capsys.readouterr().err, "said once"
    # the same content under another name is the same file
    shutil.move(file, tmp_path / "moved.py")
    assert main(words) == 2, "its file is not there"
    assert main(["funnel", str(tmp_path / "new")]) == 0, "what only reads a run needs none"
    shutil.copy(tmp_path / "moved.py", file)
    # edited: asked anew, and told that it has changed
    file.with_suffix(".ran").unlink()
    file.write_text(file.read_text() + "# edited\n")
    for again in (words, ["retry", str(tmp_path / "new")], ["validate", str(tmp_path / "r.yaml")]):
        assert "it has changed since it was trusted on 20" in refused(again, capsys, file)
    for again in (
        ["funnel", str(tmp_path / "new")],
        ["table", str(tmp_path / "new")],
        ["report", str(tmp_path / "new")],
    ):
        assert main(again) == 0
    assert not ran(file), "what only reads a run runs none"
    assert main([*words, "--trust", str(file)]) == 0
    listed = trusted.list_file()
    assert listed is not None
    assert oct(listed.parent.stat().st_mode & 0o777) == "0o700"
    assert oct(listed.stat().st_mode & 0o777) == "0o600"
    # taken back: the line is deleted
    forget(monkeypatch)
    file.with_suffix(".ran").unlink()
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    listed.write_text("".join(line for line in listed.read_text().splitlines(True) if not line.startswith(digest)))
    refused(words, capsys, file)


@pytest.mark.parametrize("form", ["try", "measures", "nested", "captioner", "categories", "calibrate"])
def test_what_is_typed_is_asked_for(
    form: str, tmp_path: Path, received: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = evil(tmp_path / "typed" / "m.py", MEASURE if form in ("try", "measures") else EXPERT)
    monkeypatch.chdir(file.parent)
    run = tmp_path / "mine"
    curated(videos=tiny_video, run=run)
    (tmp_path / "l.csv").write_text("file,label\nvideos/a.mp4,yes\n")
    curate = ["curate", "lite", "--videos", str(tiny_video), "--run", str(tmp_path / "new"), "--quiet", "--set"]
    main(
        {
            "try": ["try", "./m.py", str(tiny_video)],
            "measures": [*curate, "measures=[./m.py]", "--set", "keep={}", "--set", "caption=null"],
            "nested": [*curate, "measures=[{hoi_judgement: {judge: {./m.py: {model: x}}, describer: ./m.py}}]"],
            "captioner": ["caption", str(run), "--set", "captioner={single: {expert: ./m.py}}"],
            "categories": ["categories", str(received), "--expert", "{./m.py: {model: x}}"],
            "calibrate": ["calibrate", str(tmp_path / "l.csv"), "--set", "observer={mllm: {expert: ./m.py}}"],
        }[form]
    )
    forget(monkeypatch)
    trusted.check(["./m.py"], "later")  # remembered
    if form not in ("categories", "nested"):  # these have something else to complain about first
        assert ran(file)


def test_a_file_of_their_own_by_the_name_that_was_typed(
    tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./m.py` typed is the one where one is, not the one that lies beside a received recipe."""
    mine, theirs = evil(tmp_path / "here" / "m.py"), evil(tmp_path / "theirs" / "m.py", MEASURE + "# theirs\n")
    (tmp_path / "theirs" / "r.yaml").write_text("shots: none\nreport: false\nmeasures: [metadata]\n")
    monkeypatch.chdir(mine.parent)
    words = ["curate", str(tmp_path / "theirs" / "r.yaml"), "--videos", str(tmp_path / "videos"), "--run", "new"]
    refused([*words, "--set", "measures=[./m.py]"], capsys, theirs)


def test_a_key_that_is_typed_changes_settings_and_grants_nothing(
    received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = received / "scores.py"
    refused(["funnel", str(received), "--set", f"measures.{file}.number=2"], capsys, file)
    refused(["curate", str(received / "run.yaml"), "--set", f"measures.{file}.number=2"], capsys, file)


def test_python_asks_by_its_arguments(tmp_path: Path, received: Path, tiny_video: Path) -> None:
    file, _ = own(tmp_path)
    given: dict[str, Any] = {
        "videos": tiny_video,
        "run": tmp_path / "new",
        "shots": "none",
        "report": False,
        "quiet": True,
    }
    with pytest.raises(UsageError, match="would be run as Python"):
        hoigen.curate(measures=[str(file)], trust=[], **given)
    assert not (tmp_path / "new").exists()
    assert not ran(file)
    funnel = hoigen.curate(measures=["./mine.py"], beside=tmp_path, workers=1, **given)
    assert funnel.counts["kept"] == 1
    hoigen.funnel(tmp_path / "new")
    listed = trusted.list_file()
    assert listed is not None
    assert not listed.exists(), "a call from Python writes nothing into the user's configuration"
    assert hoigen.trust(file) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert str(file) in listed.read_text()


def test_a_forged_pyc_beside_a_trusted_file(tmp_path: Path) -> None:
    good = tmp_path / "mine.py"
    good.write_text(MEASURE)
    bad = evil(tmp_path / "other" / "mine.py")
    cached = Path(importlib.util.cache_from_source(str(good)))
    py_compile.compile(str(bad), cfile=str(cached), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    trusted.grant(good)
    from hoigen.core.registry import find_measure

    assert find_measure(str(good)).name == "mine"
    assert not ran(bad)


def test_a_file_swapped_after_it_was_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hoigen.core.registry import find_measure

    file = tmp_path / "mine.py"
    file.write_text(MEASURE)
    trusted.grant(file)
    first = find_measure(str(file))
    assert find_measure(str(file)) is first, "one module as long as it is one content"
    bad = evil(tmp_path / "bad.py")
    shutil.copy(bad, file)
    with pytest.raises(UsageError, match="would be run as Python"):
        find_measure(str(file))  # the module that is at hand is no way round
    link = tmp_path / "link.py"
    file.write_text(MEASURE)
    link.symlink_to(file)
    assert find_measure(str(link)).name == "mine"
    link.unlink()
    link.symlink_to(bad)
    with pytest.raises(UsageError, match=f"{bad} "):  # the file that would be run is named, not the link
        find_measure(str(link))
    assert not ran(bad)
    # swapped between the look and the run: what was looked at is what is run
    real = trusted.source_of

    def swapping(path: Path) -> bytes:
        source = real(path)
        shutil.copy(bad, file)
        return source

    file.write_text(MEASURE.replace("1.0", "2.0"))
    trusted.grant(file)
    assert (find_measure(str(file)).number, first.number) == (2.0, 1.0), "what was trusted last is what is run"
    file.write_text(MEASURE + "# again\n")
    trusted.grant(file)
    monkeypatch.setattr(trusted, "source_of", swapping)
    assert find_measure(str(file)).name == "mine"
    assert not ran(bad)


def test_a_module_of_ones_own_is_like_any_other(tmp_path: Path) -> None:
    import inspect
    import pickle
    import traceback

    from hoigen.core.registry import find_measure
    from hoigen.models.fingerprint import own_source

    file = tmp_path / "mine.py"
    text = MEASURE.replace("return Score(self.number)", "raise ValueError('of mine')").replace("\n", "\r\n")
    file.write_bytes(text.encode())
    trusted.grant(file)
    cls = find_measure(str(file))
    plain = text.replace("\r\n", "\n")
    assert inspect.getsource(sys.modules[cls.__module__]) == plain
    assert own_source(cls) == hashlib.sha256(plain.encode()).hexdigest()
    assert pickle.loads(pickle.dumps(cls(number=3))) == cls(number=3)
    file.unlink()
    try:
        cls()(None, None)
    except ValueError:
        assert f'File "{file}", line' in traceback.format_exc()
        assert "raise ValueError('of mine')" in traceback.format_exc()


@pytest.mark.parametrize(
    "damage", ["not a line\n", "0" * 64 + "\n", "A" * 64 + " 2026-01-01 /x.py\n", b"\xff\xfe", "folder", "[]"]
)
def test_a_damaged_list_is_one_clear_error(
    damage: str | bytes, tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, words = own(tmp_path)
    listed = trusted.list_file()
    assert listed is not None
    listed.parent.mkdir(parents=True, exist_ok=True)
    if damage == "folder":
        listed.mkdir()
    else:
        listed.write_bytes(damage if isinstance(damage, bytes) else damage.encode())
    assert main(words) == 2
    said = capsys.readouterr().err
    assert str(listed) in said
    assert len(said.splitlines()) == 1
    assert not ran(file)
    assert not (tmp_path / "new").exists()


def test_a_list_that_cannot_be_written_trusts_for_this_time(
    tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file, words = own(tmp_path)
    (tmp_path / "no_folder").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "no_folder"))
    assert main([*words, "--trust", str(file)]) == 0
    said = capsys.readouterr().err
    assert "may run this time; " in said
    assert f"{tmp_path / 'no_folder' / 'hoigen' / 'trusted'} cannot be written" in said
    forget(monkeypatch)
    file.with_suffix(".ran").unlink()
    refused(words, capsys, file)


@pytest.mark.parametrize("name", ["none.py", ".", "", "a\0b.py", "x" * 300 + ".py"])
def test_trust_wants_a_file(
    name: str, tmp_path: Path, received: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, words = own(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert main([*words, "--trust", name]) == 2
    assert capsys.readouterr().err.startswith("hoigen: --trust ")
    assert not (tmp_path / "new").exists()


def test_a_relative_configuration_folder_does_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a received folder could bring a list of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "conf")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert trusted.list_file() == tmp_path / "home" / ".config" / "hoigen" / "trusted"


def test_odd_names_are_shown_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = evil(tmp_path / "a b\n\x1b[2Khoigen: all is well.py")
    (tmp_path / "r.yaml").write_text(yaml.safe_dump({"measures": [str(odd), str(evil(tmp_path / "with space.py"))]}))
    assert main(["validate", str(tmp_path / "r.yaml")]) == 2
    said = capsys.readouterr().err
    assert "\x1b" not in said
    assert len(said.splitlines()) == 1
    assert f"--trust '{tmp_path}/with space.py'" in said
    assert not ran(odd)


def test_python_m_hoigen_in_a_received_folder(received: Path, tmp_path: Path) -> None:
    """The folder one is in is no place where modules are looked for, nor packages that bring measures."""
    for name in ("yaml", "numpy", "duckdb", "av"):
        evil(received / f"{name}.py")
    evil(received / "brought.py")
    (received / "brought-1.dist-info").mkdir()
    (received / "brought-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1\n")
    (received / "brought-1.dist-info" / "entry_points.txt").write_text("[hoigen.measures]\nmetadata = brought:Mine\n")
    facts = yaml.safe_load((received / "run.yaml").read_text())
    facts["recipe"]["measures"] = ["metadata"]
    (received / "run.yaml").write_text(yaml.safe_dump(facts))
    done = subprocess.run(
        [sys.executable, "-m", "hoigen", "funnel", "."],
        cwd=received,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not list(received.glob("*.ran"))


def test_workers_run_what_their_parent_may(tmp_path: Path, received: Path, tiny_video: Path) -> None:
    """In processes of their own, by what they inherit alone: a call from Python is not remembered."""
    script = (
        "import sys, hoigen\n"
        f"print(hoigen.curate(videos={str(tiny_video)!r}, run={str(tmp_path / 'new')!r}, measures=['./mine.py'], "
        f"beside=__import__('pathlib').Path({str(tmp_path)!r}), shots='none', report=False, quiet=True).counts)\n"
    )
    own(tmp_path)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path)
    assert "'kept': 1" in done.stdout, done.stderr
