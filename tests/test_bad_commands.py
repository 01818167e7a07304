# ruff: noqa: E501 - one case a line reads best
"""Bad input to every command: options, folders that were damaged, files that are no data."""

import shutil

import numpy as np
import pytest
import yaml

from tests.records import rewrite_plan, rewrite_run
from tests.test_bad_input import GOOD, changed, refused
from vaega.cli import main
from vaega.core.records import read_record

PPCA = {"generator": {"kind": "ppca"}, "n_synthetic": 5}
CONFIG = {**GOOD, "arms": {"original": {}, "more": PPCA}, "search": {"population_size": 4, "n_generations": 1, "n_searches": 1}}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    (folder / "good.yaml").write_text(yaml.safe_dump(CONFIG))
    assert main(["run", str(folder / "good.yaml"), "--results", str(folder / "results")]) == 0
    return folder / "results" / "good"


@pytest.fixture
def place(tmp_path, monkeypatch, finished):
    """A folder with a configuration, a finished experiment, an empty folder and a text file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAEGA_DATA", raising=False)
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(CONFIG))
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("hi\n")
    (tmp_path / "file.doc").write_text("hi\n")
    shutil.copytree(finished, tmp_path / "results" / "good")
    return tmp_path


COMMANDS = [
    ("run empty", ["FILE", "'empty'", "directory"]),
    ("run good.yaml --jobs 1.5", ["--jobs", "'1.5'"]),
    ("run good.yaml --set =3", ["--set =3", "key=value"]),
    ("run good.yaml --set name=..", ["name:", "'..'"]),
    ("run good.yaml --set name=a/b", ["name:", "'a/b'"]),
    ("run good.yaml --set a..b=1", ["--set a..b=1", "key=value"]),
    ("run good.yaml --set seeds=!!python/name:os", ["--set", "no valid YAML"]),
    ("run good.yaml --set dataset.target=class", ["sklearn:wine", "target names a column of a table", "'class'"]),
    ("run good.yaml --set search.pinned=[99]", ["search", "pinned", "below 13", "99"]),
    ("run good.yaml --set search.forbidden=[13]", ["search", "forbidden", "below 13", "13"]),
    ("run good.yaml --set search.pinned=[prolin]", ["search", "pinned", "'prolin'", "did you mean 'proline'"]),
    ("run good.yaml --set search.forbidden=[NO]", ["search.forbidden", "in quotes", "False"]),
    ("run good.yaml --set search.min_features=30", ["search", "min_features", "13", "30"]),
    ("run good.yaml --set search.pinned=[1] --set search.forbidden=[1]", ["search", "pinned or forbidden", "1"]),
    ("run good.yaml --set search.min_features=3 --set search.max_features=2", ["max_features", "at least 3, got 2"]),
    ("run good.yaml --set arms.more.generator.kind=gan", ["arms.more.generator", "'gan'"]),
    ("run good.yaml --results good.yaml", ["--results", "good.yaml", "file"]),
    ("resume", ["FOLDER"]),
    ("resume nowhere", ["nowhere", "no results folder", "plan.json"]),
    ("resume file.txt", ["FOLDER", "file.txt"]),
    ("resume empty", ["empty", "no results folder"]),
    ("resume results/good --jobs 0", ["--jobs", "other than 0"]),
    ("resume results/good --device tpu", ["--device", "'tpu'"]),
    ("report empty", ["empty", "no results folder"]),
    ("report file.txt", ["FOLDER", "file.txt"]),
    ("report results/good/runs", ["runs", "no results folder"]),
    ("status nowhere", ["nowhere", "no results folder"]),
    ("status file.txt", ["FOLDER", "file.txt"]),
    ("watch nowhere", ["nowhere", "no results folder"]),
    ("watch results/good --every 5", ["--every", "--report", "5.0"]),
    ("watch results/good --report --every -1", ["--every", "-1.0"]),
    ("watch results/good --interval 0", ["--interval", "0.0"]),
    ("clean nowhere", ["nowhere", "no results folder"]),
    ("clean empty --yes", ["empty", "no results folder"]),
    ("compare", ["FOLDERS"]),
    ("compare nowhere", ["nowhere", "no results folder"]),
    ("compare results/good --measure beauty", ["good", "'beauty'", "heldout_score"]),
    ("compare results/good --against nobody", ["against", "original", "more", "'nobody'"]),
    ("compare results/good --alpha 2", ["alpha", "[0, 1]", "2.0"]),
    ("compare results/good --alpha x", ["--alpha", "'x'"]),
    ("compare results/good --out file.txt", ["--out", "file.txt"]),
    ("compare results/good results/good", ["results/good", "twice"]),
    ("reproduce essay", ["'essay'"]),
    ("reproduce thesis --table 9.9", ["--table", "4.4", "'9.9'"]),
    ("reproduce thesis --figure 1.1", ["--figure", "4.7", "'1.1'"]),
    ("reproduce thesis --dataset mars", ["--dataset", "leukemia", "'mars'"]),
    ("reproduce thesis --protocol sly", ["--protocol", "as-run", "'sly'"]),
    ("reproduce thesis --group nobody", ["--group", "leukemia_001", "'nobody'"]),
    ("reproduce thesis --scale huge", ["--scale", "'huge'"]),
    ("reproduce thesis --runs 0", ["--runs", "at least 1, got 0"]),
    ("baselines --models svm9", ["--models", "linear_svc", "'svm9'"]),
    ("baselines --dataset unheard_of --models knn", ["unheard_of", "VAEGA_DATA"]),
    ("baselines --split odd", ["--split", "'odd'"]),
    ("baselines --dataset sklearn:wine --test-size 2", ["test_size", "(0, 1)", "2.0"]),
    ("baselines --dataset sklearn:wine --seeds 0", ["--seeds", "at least 1, got 0"]),
    ("baselines --dataset sklearn:wine --folds 1", ["n_folds", "at least 2, got 1"]),
    ("baselines --dataset sklearn:wine --search-rows 0", ["search_rows", "at least 10, got 0"]),
    ("quality good.yaml --arm nobody", ["--arm", "more", "'nobody'"]),
    ("quality good.yaml --arm original", ["--arm", "with a generator", "'original'"]),
    ("quality nowhere.yaml", ["nowhere.yaml", "cannot be read"]),
    ("quality good.yaml --out file.txt", ["--out", "file.txt"]),
    ("cache list --folder file.txt", ["--folder", "file.txt"]),
    ("cache clear --older-than 3y", ["--older-than", "30d", "'3y'"]),
    ("cache clear --older-than -3d", ["--older-than", "'-3d'"]),
    ("tune good.yaml --trials -1", ["tune.trials", "-1"]),
    ("tune good.yaml --out empty", ["--out", "'empty'"]),
    ("tune good.yaml --objective best", ["--objective", "'best'"]),
    ("tune good.yaml --arm original", ["tune.arm", "more", "'original'"]),
    ("check empty", ["FILES", "'empty'"]),
    ("check good.yaml file.txt", ["file.txt", "must hold keys", "'hi'"]),
    ("datasets show sklearn:nope", ["sklearn:nope", "breast_cancer", "'nope'"]),
    ("datasets show file.txt", ["file.txt", "at least two rows"]),
    ("datasets show file.doc", ["file.doc", ".npz", "got .doc"]),
    ("datasets list", ["'list'"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "words"), COMMANDS, ids=lambda case: str(case)[:60])
def test_a_bad_command(place, capsys, line, words):
    before = state(place)
    refused(line.split(), capsys, words)
    assert state(place) == before


def state(place):
    """Return what a refused command must leave alone: results, and no file beside them."""
    results = place / "results" / "good"
    kept = {path.relative_to(results): path.read_bytes() for path in results.glob("runs/*/*.json")}
    return kept, sorted(path.name for path in place.iterdir())


def test_a_group_of_commands_alone_shows_its_help(capsys):
    assert main(["cache"]) == 2
    shown = capsys.readouterr()
    assert "vaega cache list\n" in shown.err + shown.out
    assert "\\n" not in shown.err + shown.out


def test_what_is_quoted_cannot_command_the_terminal(place, capsys):
    sentence = refused(["check", "good.yaml", "--set", "\x1b[2Jx"], capsys, ["\\x1b[2Jx"])
    assert "\x1b" not in sentence


def break_plan(folder):
    (folder / "plan.json").write_text("{}")


def break_experiment(folder):
    (folder / "experiment.yaml").write_text("name: [")


def drop_experiment(folder):
    (folder / "experiment.yaml").unlink()


def drop_config(folder):
    (folder / "config.json").write_text("{}")


def other_data(folder):
    rewrite_plan(folder, runs=[run + "x" for run in read_record(folder / "plan.json")["runs"]])


def no_scores(folder):
    for path in folder.glob("runs/*/metrics.json"):
        rewrite_run(path, {"status": "done"})


DAMAGES = [
    (break_plan, "resume", ["plan.json", "damaged"]),
    (break_plan, "status", ["plan.json", "damaged"]),
    (break_plan, "clean", ["plan.json", "damaged"]),
    (break_plan, "compare", ["results/good"]),
    (break_plan, "report", ["results/good"]),
    (break_experiment, "resume", ["experiment.yaml: is not as it was written", "vaega run"]),
    (break_experiment, "status", ["experiment.yaml: is not as it was written", "vaega run"]),
    (drop_experiment, "resume", ["experiment.yaml: cannot be read", "vaega run"]),
    (drop_experiment, "status", ["experiment.yaml: cannot be read", "vaega run"]),
    (drop_config, "report", ["results/good/config.json", "is damaged", "vaega resume"]),
    (other_data, "resume", ["results/good", "cannot be resumed", "begin it anew with: vaega run"]),
    (no_scores, "compare", ["results/good"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "command", "words"), DAMAGES, ids=lambda case: getattr(case, "__name__", str(case))
)
def test_a_damaged_results_folder(place, capsys, damage, command, words):
    damage(place / "results" / "good")
    before = state(place)
    refused([command, "results/good"], capsys, words)
    assert state(place) == before


FILES = {
    "binary.csv": (b"\x00\x01", ["must be text", "binary"]),
    "comment.csv": (b"# nothing else\n", ["comment.csv"]),
    "one_column.csv": (b"class\nx\ny\n", ["one_column.csv"]),
    "quote.csv": (b'a,class\n"1,x\n2,y\n', ["quote.csv"]),
    "latin.csv": ("a,class\n1,caf\u00e9\n2,y\n".encode("latin-1"), ["latin.csv", "UTF-8"]),
    "words.csv": (b"a,class\nlow,x\nhigh,y\n", ["'a'", "categorical"]),
    "gone.csv.gz": (b"no gzip", ["gone.csv.gz"]),
    "text.npz": (b"garbage", ["text.npz", "archive"]),
    "header.arff": (b"garbage", ["header.arff", "ARFF", "'garbage'"]),
    "no_class.arff": (b"@relation x\n@attribute a numeric\n@data\n1\n", ["no_class.arff", "target"]),
    "short.parquet": (b"garbage", ["short.parquet", "Parquet"]),
    "book.xlsx": (b"garbage", ["book.xlsx", "workbook"]),
    "book.xls": (b"garbage", ["book.xls", ".csv", "got .xls"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_data(tmp_path, monkeypatch, capsys, name):
    content, words = FILES[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    refused(["datasets", "show", name], capsys, words)
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(changed("dataset.source", name)))
    refused(["run", "bad.yaml"], capsys, words)
    assert not (tmp_path / "results").exists()


ARRAYS = {
    "no labels": ({"X_train": np.ones((4, 2))}, ["y_train"]),
    "rows differ": ({"X_train": np.ones((4, 2)), "y_train": [0, 1, 0]}, ["4", "3"]),
    "one dimension": ({"X_train": np.ones(4), "y_train": [0, 1, 0, 1]}, ["two dimensions", "(4,)"]),
    "no columns": ({"X_train": np.ones((4, 0)), "y_train": [0, 1, 0, 1]}, ["at least one feature"]),
    "complex": ({"X_train": np.ones((4, 2)) * 1j, "y_train": [0, 1, 0, 1]}, ["real numbers", "complex128"]),
    "infinite": ({"X_train": [[np.inf, 1.0]] * 4, "y_train": [0, 1, 0, 1]}, ["infinite"]),
    "test columns": (
        {"X_train": np.ones((4, 2)), "y_train": [0, 1, 0, 1], "X_test": np.ones((2, 3)), "y_test": [0, 1]},
        ["X_test", "3"],
    ),
    "new class": (
        {"X_train": np.ones((4, 2)), "y_train": [0, 1, 0, 1], "X_test": np.ones((2, 2)), "y_test": [0, 2]},
        ["2"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ARRAYS)
def test_an_archive_that_is_no_data(tmp_path, monkeypatch, capsys, case):
    arrays, words = ARRAYS[case]
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "data.npz", **arrays)
    refused(["datasets", "show", "data.npz"], capsys, ["data.npz", *words])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--target", "nope"], ["target", "'nope'", "'a', 'b', 'class'"]),
        (["--groups", "nope"], ["groups", "'nope'"]),
        (["--target", "class", "--groups", "class"], ["different columns", "'class'"]),
        (["--categorical", "maybe"], ["--categorical", "'maybe'"]),
    ],
)
def test_columns_that_are_not_there(tmp_path, monkeypatch, capsys, options, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("a,b,class\n1,2,x\n3,4,y\n")
    refused(["datasets", "show", "t.csv", *options], capsys, words)
