"""Configurations: those that come with vaega, and content of any kind: valid, or one sentence."""

import contextlib
import copy
import io
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vaega.cli import main
from vaega.cli.app import printable
from vaega.core.errors import ConfigError
from vaega.experiments.config import ExperimentConfig, load_config
from vaega.experiments.protocols import HonestProtocol

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


def test_all_six_are_here():
    assert {path.stem for path in CONFIGS} >= {
        "quickstart", "madelon", "leukemia", "gcm1363", "all_leukemia_yeoh6", "mnist49",
    }  # fmt: skip


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_is_valid_honest_and_has_both_arms(path):
    assert main(["check", str(path)]) == 0
    config = load_config(path)
    assert config.protocol.kind == "honest"
    assert {"original", "augmented"} <= set(config.arms)
    assert config.name == path.stem


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_fits_its_data(path, real_data, monkeypatch):
    monkeypatch.setenv("VAEGA_DATA", str(real_data))
    config = load_config(path)
    dataset = config.dataset.load(beside=path.parent)
    trial = next(HonestProtocol(config.protocol).trials(dataset, 0))
    assert len(trial.inner) == config.protocol.inner_folds
    assert len(trial.X) + len(trial.test.open()[0]) == dataset.pooled().n_rows


def test_a_parameter_whose_name_is_taken_stands_under_parameters():
    from vaega.experiments.config import make_config
    from vaega.experiments.registry import classifier_of

    config = make_config(
        {
            "name": "x",
            "dataset": {"source": "sklearn:iris"},
            "fitness": {
                "classifier": "knn",
                "n_neighbors": 3,
                "metric": "accuracy",
                "parameters": {"metric": "manhattan"},
            },
        }
    )
    classifier = classifier_of(config.fitness)
    assert (classifier.n_neighbors, classifier.metric) == (3, "manhattan")


ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "configs").rglob("*.yaml"))
# Deadlines measure the machine; the same examples on each call, so that a failure is a failure.
FUZZ = settings(derandomize=True, suppress_health_check=list(HealthCheck), database=None)

# Words that mean something somewhere, so that wrong places get right words.
WORDS = st.sampled_from(
    ["auto", "none", "", "x", "1", "1e-3", "../up", "a.b", "vae", "smote", "knn", "gaussian_nb",
     "accuracy", "roc_auc", "uniform", "bitflip", "generational", "nsga2", "f_classif", "é\u202e",
     "sklearn:iris", "openml:61", "a" * 300, "sklearn.svm.SVC", "os.system", "weighted", "original"]
)  # fmt: skip
NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2, 3, 10, 100, 10**30, 0.5, 1.0, -0.0, 1e308, 5e-324]),
    st.floats(),
    st.integers(),
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, WORDS, st.text(max_size=5), st.dates())
KEYS = st.one_of(
    st.sampled_from(
        sorted({*ExperimentConfig.model_fields, "kind", "class", "size", "amount", "null"})
    ),
    st.text(max_size=3),
    st.none() | st.booleans() | st.integers(0, 3),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@cache
def schema() -> dict[str, Any]:
    return ExperimentConfig.model_json_schema()


def fitting(part: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return what a part of the schema allows, near its bounds too, as far as it says."""
    if "$ref" in part:
        return fitting(schema()["$defs"][part["$ref"].rsplit("/", 1)[1]])
    if "anyOf" in part or "oneOf" in part:
        return st.one_of(*map(fitting, part.get("anyOf") or part["oneOf"]))
    if "const" in part or "enum" in part:
        return st.sampled_from(part.get("enum") or [part["const"]])
    kind = part.get("type")
    if kind == "object":
        return fitting_object(part)
    if kind == "array":
        return st.lists(fitting(part.get("items", {})), max_size=3)
    simple = {
        "null": st.none(),
        "boolean": st.booleans(),
        "integer": st.integers(part.get("minimum", 0), 12),
        "number": st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0, 2.0]),
        "string": WORDS,
    }
    default = [st.just(part["default"])] if "default" in part else []
    return st.one_of(*default, simple.get(kind, SCALARS))


def fitting_object(part: dict[str, Any]) -> st.SearchStrategy[Any]:
    parts = part.get("properties", {})
    keys = {key: st.deferred(lambda part=part: fitting(part)) for key, part in parts.items()}
    required = {key: keys.pop(key) for key in part.get("required", ()) if key in keys}
    known = st.fixed_dictionaries(required, optional=keys)
    further = part.get("additionalProperties")
    if isinstance(further, dict):
        names = st.sampled_from(["original", "augmented", "a-b", "latent"])
        return st.dictionaries(names, fitting(further), min_size=1, max_size=2)
    return known


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    """Return the content of a file of configs/ with one to three places changed."""
    content = copy.deepcopy(yaml.safe_load(draw(st.sampled_from(FILES)).read_text("utf-8")))
    for _ in range(draw(st.integers(1, 3))):
        places = list(walk(content))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        change = draw(st.sampled_from(["drop", "replace", "add", "rename", "transplant"]))
        if change == "drop":
            del holder[key]
        elif change in ("add", "rename") and isinstance(holder, dict):
            holder[draw(KEYS)] = draw(ANYTHING) if change == "add" else holder.pop(key)
        elif change == "transplant":
            holder[key] = copy.deepcopy(draw(st.sampled_from([h[k] for h, k in places])))
        else:
            holder[key] = draw(ANYTHING)
    return content


def walk(content: Any) -> Any:
    for key in list(content) if isinstance(content, dict) else range(len(content)):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from walk(content[key])


def check(path: Path) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["check", str(path), "--no-data"])
    return code, said.getvalue()


def must_be_answered(path: Path) -> None:
    code, said = check(path)
    assert code in (0, 2), said
    assert "Traceback" not in said
    if code == 0:
        assert len(said.strip().splitlines()) == 1, said
        must_survive_the_results_folder(path)
        return
    for line in said.strip().splitlines():  # one a fault
        assert line.startswith(f"vaega: {path}"), said
    with pytest.raises(ConfigError) as refusal:  # what other commands say: one sentence
        load_config(path)
    assert len(printable(str(refusal.value)).splitlines()) == 1


def must_survive_the_results_folder(path: Path) -> None:
    # What is valid is written to experiment.yaml and read back by `vaega resume`.
    config = load_config(path)
    again = path.with_name("again.yaml")
    given = config.model_dump(by_alias=True, exclude_unset=True)
    again.write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")
    assert load_config(again).model_dump() == config.model_dump()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "fuzz.yaml"


@settings(FUZZ, max_examples=200)
@given(content=mutated())
def test_mutations_of_valid_files(place, content):
    place.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    must_be_answered(place)


@settings(FUZZ, max_examples=150)
@given(data=st.data())
def test_contents_drawn_from_the_schema(place, data):
    sections = schema()["properties"]
    content = yaml.safe_load((ROOT / "configs" / "quickstart.yaml").read_text("utf-8"))
    for section in data.draw(st.sets(st.sampled_from(sorted(sections)), min_size=1, max_size=3)):
        content[section] = data.draw(fitting(sections[section]))
    place.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    must_be_answered(place)


@settings(FUZZ, max_examples=100)
@given(
    content=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace"))
)
def test_bytes_that_nobody_wrote(place, content):
    place.write_bytes(content)
    must_be_answered(place)


@settings(FUZZ, max_examples=100)
@given(override=st.text(max_size=20) | st.builds("{}={}".format, KEYS, ANYTHING))
def test_overrides(place, override):
    place.write_text((ROOT / "configs" / "quickstart.yaml").read_text("utf-8"), encoding="utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(["check", str(place), f"--set={override}", "--no-data"])
    lines = said.getvalue().strip().splitlines()
    assert code in (0, 2), lines
    assert len(lines) == 1 or (code == 2 and all(line.startswith("vaega: ") for line in lines))


DATASET = {
    "source": "genes.csv",
    "labels": {"file": "clinic.csv", "column": "response", "id": "patient"},
    "transpose": True,
    "below_limit": "missing",
    "ignore": [7],
}


@pytest.fixture
def study(tmp_path):
    (tmp_path / "genes.csv").write_text("gene,S1,S2,S3\nTP53,1,<2,3\n7,4,5,6\n")
    (tmp_path / "clinic.csv").write_text("patient,response,2\nS3,no,a\nS1,yes,b\nS2,no,a\n")

    def write(**dataset):
        path = tmp_path / "study.yaml"
        content = {"dataset": {**DATASET, **dataset}, "arms": {"a": {}}, "name": "study"}
        content["fitness"] = {"classifier": "gaussian_nb"}
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.parametrize("labels", [{}, {"labels": "clinic.csv", "target": "response"}])
def test_both_files_are_beside_the_configuration(study, labels):
    path = study(**labels)
    data = load_config(path).dataset.load(beside=path.parent)
    assert data.feature_names == ("TP53",)
    assert data.labels.tolist() == ["yes", "no", "no"]
    assert data.n_missing == 1


def test_a_heading_of_digits_needs_no_quotes(study):
    path = study(labels="clinic.csv", target=2)
    assert load_config(path).dataset.load(beside=path.parent).class_names == ("a", "b")


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"labels": {"column": "x"}}, ["dataset.labels.file"]),
        ({"labels": {"file": "clinic.csv", "idd": "x"}}, ["dataset.labels.idd", "id?"]),
        ({"labels": 5}, ["dataset.labels", "5"]),
        ({"transpose": "maybe"}, ["dataset.transpose", "'maybe'"]),
        ({"below_limit": "zero"}, ["dataset.below_limit", "'zero'"]),
        ({"target": 1.5}, ["dataset.target", "1.5"]),
        ({"target": True}, ["dataset.target", "True"]),
        ({"sheet": 3}, ["dataset.sheet", "3"]),
        ({"labels": {"file": "x" * 2000}}, ["dataset.labels.file", "too long"]),
    ],
)
def test_a_section_that_cannot_be_read_names_the_key(study, dataset, words):
    path = study(**dataset)
    with pytest.raises(ConfigError) as caught:
        load_config(path).dataset.load(beside=path.parent)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_permutations_are_none():
    from vaega.experiments.config import make_config

    content = {
        "name": "x",
        "dataset": {"source": "sklearn:wine"},
        "fitness": {"classifier": "gaussian_nb"},
        "permutations": 0,
    }
    assert make_config(content).permutations is None
