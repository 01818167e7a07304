"""A final model on disk: the same bits from the file, nothing that is damaged or foreign."""

import hashlib
import io
import json
import pickle
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from vaega import load_model
from vaega.core.errors import InputError, ResultsError
from vaega.core.files import canonical_json
from vaega.data import Preprocessor
from vaega.experiments import make_config, run_experiment
from vaega.experiments.model import UnwritableModelError, _as_bytes, find_model, write_model
from vaega.experiments.pipeline import make_pipeline
from vaega.experiments.registry import CLASSIFIERS, make_classifier

NAMES = [f"g{i}" for i in range(12)]
CLASSES = ["ill", "well", "worse"]
SELECTED = np.array([1, 4, 7])
ABOUT = {"name": "cohort", "arm": "a", "run": "a-final", "dataset": {"categorical": "error"}}
CHAINS = [
    [],
    ["drop_constant", {"impute": "median"}, "log2p1", "standardize"],
    [{"impute": "mean"}, {"clip": [0.1, None]}, "clr", "robust"],
    ["log2", "quantile_normalize", {"variance_filter": {"keep": 10}}],
    [{"class": "sklearn.preprocessing.PowerTransformer"}],
    [{"class": "sklearn.preprocessing.FunctionTransformer", "func": "numpy.log1p"}],
]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1, 2], 20)
    X = np.exp(rng.normal(size=(60, 12)) + 0.5 * y[:, None] * (np.arange(12) < 6))
    return X, y


def fitted(rows, steps=("standardize",), classifier=None):
    """Return the parts of a model by the names that `write_model` has for them."""
    X, y = rows
    preparation = Preprocessor(list(steps)).fit(X, y)
    classifier = GaussianNB() if classifier is None else classifier
    classifier.fit(preparation.transform(X).take(SELECTED, axis=1), y)
    return {
        "preparation": preparation,
        "columns": np.arange(12),
        "selected": SELECTED,
        "classifier": classifier,
        "feature_names": NAMES,
        "class_names": CLASSES,
        "about": ABOUT,
    }


def held_back():
    return np.exp(np.random.default_rng(1).normal(size=(25, 12)))


def answers(classifier, rows):
    asked = ("predict", "predict_proba", "decision_function")
    return {name: getattr(classifier, name)(rows) for name in asked if hasattr(classifier, name)}


def assert_same_answers(model, parts, X):
    prepared = parts["preparation"].transform(X).take(SELECTED, axis=1)
    expected = answers(parts["classifier"], prepared)
    expected["predict"] = np.array(CLASSES)[expected["predict"]]
    columns = [NAMES.index(name) for name in model.feature_names_in_]
    shuffled = pd.DataFrame(X, columns=NAMES)[[*NAMES[::-1]]].assign(more="text")
    for given in (shuffled, X[:, columns]):
        found = answers(model, given)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            assert np.array_equal(found[name], values), name


@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize("steps", CHAINS[1:3], ids=len)
def test_every_classifier_gives_the_same_bits_from_the_file(rows, tmp_path, kind, steps):
    given = {"n_estimators": 5} if "n_estimators" in CLASSIFIERS[kind]().get_params() else {}
    parts = fitted(rows, steps, make_classifier(kind, None, given))
    write_model(tmp_path / "model", **parts)
    model = load_model(tmp_path / "model")
    assert model.classes_.tolist() == CLASSES
    assert_same_answers(model, parts, held_back())


@pytest.mark.parametrize("steps", CHAINS, ids=str)
def test_every_preprocessing_gives_the_same_bits_from_the_file(rows, tmp_path, steps):
    parts = fitted(rows, steps)
    write_model(tmp_path / "model", **parts)
    assert_same_answers(load_model(tmp_path / "model"), parts, held_back())


def test_two_classes_a_subset_of_columns_and_no_feature(rows, tmp_path):
    X, y = rows[0][:40], rows[1][:40]
    columns = np.array([2, 3, 5, 8])
    preparation = Preprocessor(["standardize"]).fit(X[:, columns], y)
    for selected, needed in (([0, 2], ["g2", "g5"]), ([], ["g2", "g3", "g5", "g8"])):
        parts = fitted((X, y)) | {"preparation": preparation, "columns": columns}
        parts["selected"] = np.array(selected, dtype=int)
        fit_rows = preparation.transform(X[:, columns]).take(parts["selected"], axis=1)
        parts["classifier"] = DummyClassifier() if not selected else LogisticRegression()
        parts["classifier"].fit(fit_rows if selected else np.zeros((40, 1)), y)
        write_model(tmp_path / "model", **parts)
        model = load_model(tmp_path / "model")
        assert model.feature_names_in_.tolist() == needed
        assert model.classes_.tolist() == ["ill", "well"]
        assert model.predict_proba(pd.DataFrame(X, columns=NAMES)).shape == (40, 2)


def test_a_file_has_the_same_bytes_from_every_process(rows, tmp_path):
    parts = fitted(rows, CHAINS[1], make_classifier("random_forest", None, {"n_estimators": 3}))
    write_model(tmp_path / "here", **parts)
    write_model(tmp_path / "there", **pickle.loads(pickle.dumps(parts)))  # noqa: S301  our own
    for name in ("pipeline.skops", "model.json"):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()


def test_the_words_of_spread_columns_are_kept(rows, tmp_path):
    names = ["site=n", "site=s", "site=w", "sex=f", "sex=m", *NAMES[5:]]
    spread = ABOUT | {"dataset": {"categorical": "one_hot"}}
    write_model(tmp_path / "m", **fitted(rows) | {"feature_names": names, "about": spread})
    card = json.loads((tmp_path / "m" / "model.json").read_text())
    assert card["columns"] == ["site=s", "sex=m", "g7"]
    assert card["categories"] == {"site": ["n", "s", "w"], "sex": ["f", "m"]}
    frame = pd.DataFrame({"site": ["s", None], "sex": ["m", "f"], "g7": [1.0, 2.0]})
    model = load_model(tmp_path / "m")
    by_word = model.predict_proba(np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 2.0]]))
    assert np.array_equal(model.predict_proba(frame), by_word)


# What is refused ----------------------------------------------------------------------------------


@pytest.fixture
def folder(rows, tmp_path):
    write_model(tmp_path / "model", **fitted(rows))
    return tmp_path / "model"


def test_every_damaged_byte_is_noticed(folder):
    for name in ("pipeline.skops", "model.json"):
        path, rng = folder / name, np.random.default_rng(2)
        whole = path.read_bytes()
        for at in rng.choice(len(whole), 40, replace=False):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(ResultsError, match=r"is damaged|cannot be read as JSON"):
                load_model(folder)
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ResultsError, match=r"is damaged|cannot be read as JSON"):
            load_model(folder)
        path.write_bytes(whole)
    load_model(folder)


def test_a_file_that_is_gone(folder):
    (folder / "pipeline.skops").unlink()
    with pytest.raises(ResultsError, match=r"pipeline\.skops: cannot be read: No such file"):
        load_model(folder)
    (folder / "model.json").unlink()
    with pytest.raises(ResultsError, match="is no results folder"):
        load_model(folder)


def forge(folder, content):
    """Put another pipeline in, with the digests that make the folder whole."""
    (folder / "pipeline.skops").write_bytes(content)
    card = json.loads((folder / "model.json").read_text())
    del card["digest"]
    card["files"]["pipeline.skops"] = hashlib.sha256(content).hexdigest()
    card["digest"] = hashlib.sha256(canonical_json(card).encode()).hexdigest()
    (folder / "model.json").write_text(json.dumps(card))


def archive(schema, compression=zipfile.ZIP_STORED):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as packed:
        packed.writestr("schema.json", schema)
    return content.getvalue()


def node(module, name, loader, **content):
    return {"__module__": module, "__class__": name, "__loader__": loader, **content}


def json_node(text):
    return node("builtins", "str", "JsonNode", content=json.dumps(text), is_json=True)


def call(module, name, *arguments):
    given = node("builtins", "tuple", "TupleNode", content=[json_node(one) for one in arguments])
    return node(module, name, "ConstructorFromReduceNode", content=given)


TYPES = node("builtins", "list", "ListNode", content=[node("builtins", "str", "TypeNode")])
HOSTILE = {
    "a call": call("os", "system", "touch ran"),
    "a call of what scikit-learn has imported": call("sklearn.datasets._openml", "urlopen", "x:"),
    "a function of scikit-learn": call("sklearn.datasets._base", "load_files", "."),
    "a class of scikit-learn's that is another's": call("sklearn.utils.validation", "Path", "ran"),
    "a module of its own": call("evil", "Evil"),
    "an object": node("evil", "Evil", "ObjectNode"),
    "a function": node(
        "posix",
        "system",
        "FunctionNode",
        content={"module_path": "posix", "function": "system"},  # as protocol 0 has it
    ),
    "a type": node("evil", "Evil", "TypeNode"),
    "an operator": node("operator", "methodcaller", "OperatorFuncNode", attrs=json_node(["x"])),
    "a class inside": node(
        "sklearn.naive_bayes",
        "GaussianNB",
        "ObjectNode",
        content=node(
            "builtins", "dict", "DictNode", key_types=TYPES, content={"a": call("evil", "Evil")}
        ),
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("protocol", [0, 1, 2])  # of skops, whose file says how it is to be read
def test_nothing_of_a_foreign_class_runs(folder, tmp_path, monkeypatch, kind, protocol):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "evil.py").write_text("open('ran', 'w').close()\nclass Evil: pass\n")
    forge(folder, archive(json.dumps({**HOSTILE[kind], "protocol": protocol})))
    with pytest.raises(ResultsError, match=r"neither of vaega nor of scikit-learn .*: --trust "):
        load_model(folder)
    assert "evil" not in sys.modules
    assert not (tmp_path / "ran").exists()


DEEP = '{"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": ['
STRANGE = {
    "no archive": b"PK",
    "nothing in it": archive("{}"),
    "no JSON": archive("{"),
    "compressed": archive("{}" + " " * 10**6, zipfile.ZIP_DEFLATED),
    "deep": archive(DEEP * 5000 + "]}" * 5000),
    "of a later version": archive(json.dumps({**json_node("x"), "protocol": 99})),
    "no pipeline": archive(json.dumps({**json_node("x"), "protocol": 2})),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_files_that_are_no_model(folder, kind):
    forge(folder, STRANGE[kind])
    with pytest.raises(ResultsError, match="cannot be read as a model: ") as error:
        load_model(folder)
    assert str(error.value).count("\n") == 0


def test_another_pipeline_than_the_one_described(folder, rows):
    parts = fitted(rows)
    del parts["about"], parts["columns"]
    parts["feature_names"] = [name.upper() for name in NAMES]
    classifier, selected, preparation = (
        parts.pop(key) for key in ("classifier", "selected", "preparation")
    )
    forge(folder, _as_bytes(make_pipeline(preparation, selected, classifier, **parts)))
    with pytest.raises(ResultsError, match=r"it is not the pipeline that model\.json describes"):
        load_model(folder)


class Threshold(GaussianNB):
    """A classifier of somebody else."""


class Unwritable(GaussianNB):
    """One that holds what is neither numbers nor settings."""

    def fit(self, X, y):
        self.hook_ = lambda: None
        self.stream_ = io.StringIO()
        return super().fit(X, y)


def test_classes_of_other_packages_are_named_and_trusted_by_name(rows, tmp_path):
    parts = fitted(rows, classifier=Threshold())
    write_model(tmp_path / "m", **parts)
    name = f"{__name__}.Threshold"
    with pytest.raises(ResultsError, match=f"--trust {name}"):
        load_model(tmp_path / "m")
    assert_same_answers(load_model(tmp_path / "m", trust=[name]), parts, held_back())


def test_what_cannot_be_written_is_said(rows, tmp_path):
    with pytest.raises(
        UnwritableModelError, match=r"model \(Scale, Unwritable\) cannot be written"
    ):
        write_model(tmp_path / "m", **fitted(rows, classifier=Unwritable()))
    assert not (tmp_path / "m").exists()


# Of an experiment ---------------------------------------------------------------------------------


def experiment(tmp_path, wine, **changes):
    config = {
        "name": "wine",
        "dataset": {"source": "sklearn:wine"},
        "preprocess": ["standardize"],
        "arms": {"original": {}, "f_test": {"selector": {"kind": "f_classif", "size": 3}}},
        "fitness": {"classifier": "gaussian_nb"},
        "search": {"population_size": 4, "n_generations": 1, "n_searches": 1},
        "seeds": 1,
    }
    run_experiment(make_config(config | changes), wine, tmp_path)
    return tmp_path / "wine"


@pytest.fixture(scope="module")
def wine():
    from vaega import load_dataset

    return load_dataset("sklearn:wine")


def test_the_arms_of_an_experiment(tmp_path, wine):
    folder = experiment(tmp_path, wine)
    with pytest.raises(ResultsError, match=r"2 arms have a model \('original', 'f_test'\)"):
        load_model(folder)
    with pytest.raises(InputError, match="arm must be one of f_test, original"):
        load_model(folder, arm="ftest")
    model = load_model(folder, arm="f_test")
    assert model.n_features_in_ == 3
    frame = pd.DataFrame(wine.X, columns=wine.feature_names)
    assert np.mean(model.predict(frame) == wine.labels) > 0.9
    (run,) = (folder / "runs").glob("f_test-final-*")
    assert find_model(run) == find_model(folder, arm="f_test") == run / "model"


def test_without_a_final_run(tmp_path, wine):
    folder = experiment(tmp_path, wine, protocol={"final": False})
    with pytest.raises(ResultsError, match=r"no final run that is done; .* vaega resume"):
        load_model(folder)


def test_a_run_is_done_without_a_model_that_cannot_be_written(tmp_path, wine):
    own = {"class": f"{__name__}.Unwritable"}
    folder = experiment(tmp_path, wine, arms={"original": {}}, fitness=own)
    with pytest.raises(
        ResultsError, match=r"final run of original has no model: the model \(Scale"
    ):
        load_model(folder)
