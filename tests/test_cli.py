from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import hoigen
from hoigen.commands import VERBS, module_of
from hoigen.commands.cli import main, verb_function
from hoigen.core.settings import arguments_of
from run_folders import curated

HEAVY = {"av", "cv2", "numpy", "pyarrow", "duckdb", "fsspec", "ai_edge_litert", "tqdm", "torch"}


@pytest.mark.parametrize("code", ["import hoigen", "from hoigen.commands.cli import main; main(['--help'])"])
def test_what_is_heavy_loads_on_first_use(code: str) -> None:
    code += "; import sys; print('loaded', *sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    loaded = set(done.stdout.rpartition("loaded")[2].split())
    assert "hoigen" in loaded, done.stderr
    assert not loaded & HEAVY


def test_no_command_has_the_name_of_a_room() -> None:
    """`import hoigen.rules.cascade` makes `hoigen.rules` that folder, whatever function had the name."""
    rooms = {module.name for module in pkgutil.iter_modules(hoigen.__path__)}
    assert rooms & {module_of(name) for name in VERBS} == set()


@pytest.mark.parametrize("name", VERBS)
def test_every_argument_of_a_command_has_its_help(name: str) -> None:
    assert [key.name for key in arguments_of(verb_function(name)) if not key.help] == []


def test_help_of_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for name in hoigen.VERBS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["curat"], "unknown command 'curat'; did you mean 'curate'"),
        (["curate"], "the following arguments are required: recipe"),
        (["curate", "none.yaml"], "no such recipe: none.yaml"),
        (["curate", "lite"], "videos must be given, in the recipe or as --videos"),
        (["curate", "lite", "--videos", "x", "--run", "y", "--set", "measurse=1"], "did you mean 'measures'"),
        (["curate", "lite", "--videos", "x", "--run", "y", "--set", "workers=many"], "workers: a whole number"),
        (["curate", "lite", "--videos", "/no/such/folder", "--run", "y"], "/no/such/folder"),
        (["funnel", "/no/such/run"], "/no/such/run is not a run"),
        (["try", "motion", "/no/such/video.mp4"], "/no/such/video.mp4"),
        (["table", "/no/such/run", "--format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_bad_input_is_one_clear_line(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code = main(arguments)
    printed = capsys.readouterr()
    assert said in printed.err
    assert code in (1, 2)
    assert code == 2 or arguments[0] == "try"
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == [], "nothing is half-written"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("hoigen 0.")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["curate", "lite", "--videos", ".", "--run", ""], "run: a folder; it came as an empty text"),
        (["table", ""], "a path; it came as an empty text"),
        (["curate", "lite", "--videos", ".", "--run", "s3://me:pw@b/run"], "s3://…@b/run: an address with a name"),
        (["cut", "run", "--out", "s3://me:pw@b/run"], "--out: a path of this machine; it came as s3://…@b/run"),
        (["table", "file:///nowhere/a%20run"], "/nowhere/a run is not a run"),
        (["curate", "lite", "--set", "motion.fps=3"], "--set measures.motion.fps=3"),
        (["curate", "lite", "--set", "min_lenght=3"], "did you mean 'min_length'"),
        (["try", "motion", "none.mp4"], "none.mp4: no such file"),
    ],
)
def test_what_was_typed_is_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_a_folder_of_other_things_is_never_written_to(
    tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "report.html").write_text("somebody's")
    words = ["curate", "lite", "--videos", str(tiny_video), "--run"]
    assert main([*words, str(tmp_path)]) == 2
    assert "holds other files (report.html)" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert main([*words, str(tmp_path / ("a" * 300))]) == 2
    assert "cannot be made a folder: File name too long" in capsys.readouterr().err


@pytest.mark.parametrize("broken", ["clips/00000.parquet", "scores/metadata", "videos.parquet", "run.yaml"])
def test_a_damaged_run_is_named_with_the_remedy(
    tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    run = tmp_path / "a run's"
    curated(videos=tiny_video, run=run)
    recipe = (run / "run.yaml").read_text()
    file = next((run / broken).rglob("*.parquet")) if (run / broken).is_dir() else run / broken
    file.write_bytes(b"\xff junk")
    (tmp_path / "again.yaml").write_text(recipe)
    words = ["curate", str(tmp_path / "again.yaml"), "--quiet"] if broken == "videos.parquet" else ["table", str(run)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"{file} is damaged" in said
    assert "Traceback" not in said
    if file.suffix == ".parquet" and broken != "videos.parquet":
        file.unlink()
        assert main(["curate", str(run / "run.yaml"), "--quiet"]) == 0
        assert main(["table", str(run)]) == 0


def test_a_run_yaml_that_was_cut_short_is_mended_as_the_message_says(
    tmp_path: Path, tiny_video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, recipe = tmp_path / "run", tmp_path / "recipe.yaml"
    curated(videos=tiny_video, run=run)
    whole = (run / "run.yaml").read_text()
    recipe.write_text("measures: [metadata]\nshots: none\nreport: false\n")
    words = ["curate", str(recipe), "--quiet", "--videos", str(tiny_video), "--run", str(run)]
    ends = {
        "": "it is empty",
        whole.partition("\n")[0]: "it has no `recipe`",
        whole.partition("recipe:")[0]: "it has no `recipe`",
        whole.partition("  videos:")[0] + "  x: 1\n": "its `recipe` has no `videos` and no `shard_size` and no `run`",
    }
    for text, told in ends.items():
        (run / "run.yaml").write_text(text)
        assert main(words) == 2
        said = capsys.readouterr().err
        assert f"{run / 'run.yaml'} is damaged: {told}" in said
        assert f"Delete that file and give the recipe once more: hoigen curate RECIPE --run {run}" in said
    (run / "run.yaml").unlink()
    assert main(words) == 0
    assert "1 clip: 1 kept" in capsys.readouterr().out
    assert main(["table", str(run)]) == 0


@pytest.mark.parametrize("name", hoigen.VERBS)
def test_the_listed_line_of_a_command_is_that_of_its_function(name: str) -> None:
    module = importlib.import_module(f"hoigen.commands.{module_of(name)}")
    assert VERBS[name] == (getattr(module, module_of(name)).__doc__ or "").partition("\n")[0]
    assert VERBS[name].endswith(".")


def test_every_command_is_in_the_table() -> None:
    files = {path.stem for path in Path(hoigen.commands.__file__).parent.glob("*.py")}
    assert files - {"__init__", "cli", "options", "caption_dry"} == {module_of(name) for name in VERBS}
    assert all(callable(verb_function(name)) for name in VERBS)


def test_the_verb_report_is_one_after_its_pages_are_imported(tmp_path: Path) -> None:
    import hoigen.pages.gather
    from hoigen.core.errors import UsageError

    with pytest.raises(UsageError, match="a folder that is there"):
        hoigen.report(tmp_path / "none")
    assert hoigen.pages.gather.gather


@pytest.fixture(scope="module")
def small_run(tmp_path_factory: pytest.TempPathFactory, tiny_video: Path) -> Path:
    folder = tmp_path_factory.mktemp("small")
    (folder / "größe.mp4").write_bytes(tiny_video.read_bytes())
    curated(videos=folder, run=folder / "run", keep={"fps": {"min": 1}})
    return folder / "run"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_a_terminal_without_utf8_gets_plain_signs(small_run: Path, encoding: str) -> None:
    given = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for words in (["funnel"], ["table"]):
        ended = subprocess.run(
            [sys.executable, "-m", "hoigen", *words, str(small_run)], capture_output=True, env=given, check=False
        )
        assert (ended.returncode, ended.stderr) == (0, b"")
        said = ended.stdout.decode(encoding)
        assert words != ["funnel"] or "100.0% " + "#" * 24 in said
        assert words != ["table"] or ("gr\\xf6\\xdfe.mp4" if encoding == "ascii" else "größe.mp4") in said


def test_where_fcntl_is_missing_one_line_says_so_and_reading_works(small_run: Path) -> None:
    hidden = "import sys; sys.modules['fcntl'] = sys.modules['resource'] = None; from hoigen.commands.cli import main; "
    for words, status in (
        (["template"], 0),
        (["list"], 0),
        (["funnel", str(small_run)], 0),
        (["retry", str(small_run)], 1),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", f"{hidden} sys.exit(main({words!r}))"], capture_output=True, text=True, check=False
        )
        assert ended.returncode == status, (words, ended.stderr)
        assert "Traceback" not in ended.stderr
        assert status == 0 or "this Python has no fcntl, as on Windows: use WSL there" in ended.stderr


def test_a_name_that_no_file_can_have_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = "x" * 300
    (tmp_path / "recipe.yaml").write_text(f"measures: [metadata]\nrun: {tmp_path / 'run'}\nvideos: {name}\n")
    for words in (["curate", str(tmp_path / "recipe.yaml")], ["validate", f"{name}.yaml"], ["funnel", name]):
        assert main(words) == 2, words
        assert capsys.readouterr().err.startswith("hoigen: ")
    assert main(["validate", str(tmp_path / "recipe.yaml")]) == 0
    assert f"note: videos: no such folder, video or manifest: {name}" in capsys.readouterr().out
