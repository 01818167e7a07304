"""A configuration of a stranger's, and a folder that came with it: nothing of theirs runs."""

import sys

import pytest
import yaml

from vaega.cli import main

pytestmark = pytest.mark.usefixtures("no_pages")  # what is in a page is tested elsewhere

EVIL = """
from pathlib import Path

Path(__file__).with_name("evil-ran").touch()

from sklearn.base import BaseEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import StandardScaler
from vaega import GaussianJitter


class Classifier(GaussianNB):
    pass


class Scaler(StandardScaler):
    pass


class Sampler(GaussianJitter):
    pass


class NoClassifier(BaseEstimator):
    def __init__(self):
        Path(__file__).with_name("constructed").touch()


def choose(sizes, scores):
    return 0
"""
GOOD = {
    "name": "good",
    "dataset": {"source": "sklearn:wine"},
    "protocol": {"outer": "holdout", "inner_folds": 2},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
    "seeds": 1,
}
CASES = {
    "classifier": {"fitness": {"class": "evilmod.Classifier"}},
    "step": {"preprocess": [{"class": "evilmod.Scaler"}]},
    "generator": {
        "arms": {"a": {"generator": {"class": "evilmod.Sampler"}, "n_synthetic": 4}}
    },
    "rule": {"search": GOOD["search"] | {"choice": {"class": "evilmod.choose"}}},
    "function": {
        "preprocess": [
            {"class": "sklearn.preprocessing.FunctionTransformer", "func": "evilmod.choose"}
        ]
    },
}  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)  # as python -m vaega.cli has it
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("VAEGA_TRUST")
    (tmp_path / "evilmod.py").write_text(EVIL)
    yield tmp_path
    sys.modules.pop("evilmod", None)


def write(place, changes):
    (place / "good.yaml").write_text(yaml.safe_dump({**GOOD, **changes}))


def ran(place):
    return (place / "evil-ran").exists()


def sentence(capsys):
    (line,) = capsys.readouterr().err.strip().splitlines()
    return line


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("command", ["check", "run", "quality", "tune"])
def test_no_command_imports_what_nobody_trusts(place, capsys, case, command):
    write(place, CASES[case])
    assert main([command, "good.yaml"]) == 2
    words = "function of numpy" if case == "function" else "--trust evilmod"
    assert words in sentence(capsys)
    assert not ran(place)
    assert not list(place.glob("results/*"))


@pytest.mark.parametrize("case", ["classifier", "step", "generator", "rule"])
def test_what_is_trusted_is_checked(place, case):
    write(place, CASES[case])
    assert main(["check", "good.yaml", "--trust", "evilmod"]) == 0
    assert ran(place)


def test_trust_is_said_again_on_resume_and_not_needed_to_look(place, capsys):
    write(place, CASES["classifier"] | {"seeds": 2})
    code = main(["run", "good.yaml", "--trust", "evilmod", "--jobs", "2", "--max-evaluations", "1"])
    out = capsys.readouterr()
    assert "vaega resume results/good --trust evilmod" in out.out or code == 0
    assert "--trust evilmod" in (place / "results/good/command.txt").read_text()
    sys.modules.pop("evilmod")
    (place / "evil-ran").unlink()
    for command in (["status"], ["status", "--json"], ["clean", "--dry-run"]):
        assert main([command[0], "results/good", *command[1:]]) == 0
    capsys.readouterr()
    assert main(["resume", "results/good"]) == 2
    assert "experiment.yaml: fitness: class must be of scikit-learn" in (said := sentence(capsys))
    assert "--trust evilmod" in said
    assert not ran(place)
    assert main(["resume", "results/good", "--trust", "evilmod"]) == 0
    sys.modules.pop("evilmod")
    (place / "evil-ran").unlink()
    for command in (
        ["report"],
        ["report", "--methods"],
        ["report", "--json"],
        ["watch"],
        ["status"],
    ):
        assert main([*command, "results/good"]) == 0
    main(["compare", "results/good"])  # of a single arm there is nothing to say
    assert not ran(place)


def test_what_is_no_classifier_is_not_even_made(place, capsys):
    write(place, {"fitness": {"class": "evilmod.NoClassifier"}})
    assert main(["check", "good.yaml", "--trust", "evilmod"]) == 2
    assert "is no scikit-learn classifier" in sentence(capsys)
    assert not (place / "constructed").exists()


def test_a_name_that_is_no_package(place, capsys):
    write(place, {})
    assert main(["check", "good.yaml", "--trust", "./evilmod.py"]) == 2
    assert "--trust: must name a package as it is imported" in sentence(capsys)


@pytest.mark.parametrize("trust", [[], ["--trust", "evilmod"]])
def test_a_cache_that_is_shipped_beside_is_not_opened(place, capsys, trust):
    (place / "mem" / "joblib").mkdir(parents=True)
    step = {"class": "sklearn.cluster.FeatureAgglomeration", "memory": "mem", "n_clusters": 13}
    for given in (step, {"class": step["class"], "params": {"memory": "mem"}}):
        write(place, {"preprocess": [given]})
        for command in ("check", "run"):
            assert main([command, "good.yaml", *trust]) == 2
            assert "step 1: memory cannot be set in a configuration" in sentence(capsys)
    assert len(list(place.glob("mem/**/*"))) == 1


def test_a_generator_keeps_its_models_nowhere(place, capsys):
    generator = {"class": "vaega.GenerativeSampler", "params": {"cache": "mem"}}
    write(place, {"arms": {"a": {"generator": generator, "n_synthetic": 4}}})
    assert main(["check", "good.yaml"]) == 2
    assert "cache" in (said := sentence(capsys))
    assert "cannot be set in a configuration" in said


def step(path, **params):
    return {"preprocess": [{"class": path, **params}]}


def searching(**keys):
    return {"search": GOOD["search"] | keys}


def generating(path, **params):
    generator = {"class": path, "params": params}
    return {"arms": {"a": {"generator": generator, "n_synthetic": 4}}}


FUNCTION = "sklearn.preprocessing.FunctionTransformer"
TOUCH = "touch pwned"
ATTEMPTS = {
    "a loader": step("sklearn.datasets.load_files", container_path="."),
    "a pickle": step("joblib.load", filename="evil.pkl"),
    "a pipeline's memory": step("sklearn.pipeline.Pipeline", steps=[["a", "drop"]], memory="mem"),
    "a nested memory": {
        "fitness": {"class": "sklearn.ensemble.BaggingClassifier", "estimator__memory": "mem"}
    },
    "a nested step": step(
        "sklearn.pipeline.Pipeline", steps=[["a", {"class": "evilmod.Scaler"}]]
    ),
    "a nested classifier": {
        "fitness": {
            "class": "sklearn.ensemble.BaggingClassifier",
            "estimator": {"class": "evilmod.Classifier"},
        }
    },
    "a partial": step("functools.partial", func="os.system"),
    "a shell": step("os.system", command=TOUCH),
    "a shell of sklearn": step("sklearn.utils.os.system", command=TOUCH),
    "a shell as a function": step(FUNCTION, func="os.system"),
    "a shell as a class": step(FUNCTION, func={"class": "os.system"}),
    "a reader as a function": step(FUNCTION, func="numpy.load", kw_args={"allow_pickle": True}),
    "a writer as a function": step(FUNCTION, inverse_func="numpy.save"),
    "a loader as a function": step(FUNCTION, func="scipy.io.loadmat"),
    "a function of parameters": step(FUNCTION, params={"func": "evilmod.choose"}),
    "torch": step("torch.hub.load"),
    "a metric": {"fitness": {"classifier": "gaussian_nb", "metric": "evilmod.choose"}},
    "a metric of a class": {
        "fitness": {"classifier": "gaussian_nb", "metric": {"class": "os.system"}}
    },
    "a distance": {"fitness": {"classifier": "knn", "metric": {"class": "os.system"}}},
    "a scorer within": {
        "fitness": {
            "class": "sklearn.linear_model.LogisticRegressionCV", "scoring": "evilmod.choose"
        }
    },
    "a sampler's function": generating("imblearn.FunctionSampler", func="os.system"),
    "a sampler's model": generating("vaega.GenerativeSampler", model="evilmod.Sampler"),
    "a guide that loads": searching(guide={"class": "sklearn.datasets.load_svmlight_file"}),
    "a guide that imports": searching(
        guide={"class": "vaega.core.trust.import_trusted", "params": {"path": "os.system"}}
    ),
    "a guide that is all": searching(guide={"class": "vaega.cli.main"}),
    "a guide that runs scripts": searching(
        guide={
            "class": "sklearn.utils._testing.assert_run_python_script_without_output",
            "params": {"source_code": "open('pwned', 'w')"},
        }
    ),
    "an algorithm": searching(algorithm={"class": "vaega.cli.main"}),
    "a crossover": searching(crossover={"class": "vaega.cli.main"}),
    "a mutation": searching(mutation={"class": "vaega.core.files.write_text"}),
    "a choice": searching(
        algorithm="nsga2", choice={"class": "vaega.core.files.write_text"}
    ),
    "a name": {"name": "../pwned"},
    "an arm": {"arms": {"../pwned": {}}},
    "a source": {"dataset": {"source": "../pwned"}},
    "a source that is none": {"dataset": {"source": "file:///etc/passwd"}},
}  # fmt: skip


@pytest.mark.parametrize("name", ATTEMPTS)
def test_attempts_to_run_or_read_what_is_not_trusted(place, capsys, name):
    write(place, ATTEMPTS[name])
    before = sorted(place.parent.iterdir())
    for command in ("check", "run"):
        code = main([command, "good.yaml"])
        said = capsys.readouterr().err
        assert code != 0 or command == "check", f"{command} did it"
        assert "unexpected" not in said
    assert not ran(place)
    assert not list(place.glob("**/pwned*"))
    assert sorted(place.parent.iterdir()) == before


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system [touch pwned]", "!!python/name:os.system", "!x {a: b}"]
)
def test_tags_of_yaml_make_nothing(place, capsys, tag):
    write(place, {})
    with (place / "good.yaml").open("a") as file:
        file.write(f"tune: {tag}\n")
    assert main(["check", "good.yaml"]) == 2
    assert sentence(capsys)
    assert not (place / "pwned").exists()
