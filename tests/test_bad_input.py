# ruff: noqa: E501 - one case a line reads best
"""Bad input of every kind: exit code 2 and one sentence that names place, rule and value."""

import copy

import numpy as np
import pytest
import yaml

from vaega.cli import main

GOOD = {
    "name": "good",
    "dataset": {"source": "sklearn:wine"},
    "preprocess": ["standardize"],
    "protocol": {"kind": "honest", "outer": "holdout", "inner_folds": 3},
    "arms": {"original": {}},
    "fitness": {"classifier": "gaussian_nb"},
    "search": {"population_size": 6, "n_generations": 2},
    "seeds": 1,
}
VAE = {"kind": "vae", "hidden": [8], "latent": 2}

# (key with dots, value, what the sentence must hold)
CONFIG_CASES = [
    ("name", "../up", ["name:", "must begin with a letter or digit", "'../up'"]),
    ("name", None, ["name:", "must be a valid string", "None"]),
    ("seeds", 0, ["seeds:", "from 1 to 100000, got 0"]),
    ("seeds", -3, ["seeds:", "-3"]),
    ("seeds", "many", ["seeds:", "'many'"]),
    ("seeds", [], ["seeds:", "at least 1, got []"]),
    ("seeds", [1, 1], ["seeds:", "must differ", "[1, 1]"]),
    ("seeds", [0, -1], ["seeds:", "at least 0, got -1"]),
    ("seeds", 1.5, ["seeds:", "1.5"]),
    ("seeds", 10**12, ["seeds:", "from 1 to 100000"]),
    ("sedes", 3, ["sedes:", "is no known key", "did you mean seeds?"]),
    ("dataset", "madelon", ["dataset:", "must hold keys", "'madelon'"]),
    ("dataset.source", "", ["dataset.source:", "at least 1 character"]),
    ("dataset.sorce", "x", ["dataset.sorce:", "did you mean source?"]),
    ("dataset.categorical", "maybe", ["dataset.categorical:", "'one_hot'", "'maybe'"]),
    ("dataset.source", "sklearn:moons", ["sklearn:moons", "breast_cancer"]),
    ("dataset.source", "sklearn:diabetes", ["sklearn:diabetes"]),
    ("dataset.source", "no/such/file.csv", ["no/such/file.csv"]),
    ("dataset.source", "unheard_of", ["unheard_of"]),
    ("dataset.source", "../../etc/passwd", ["passwd"]),
    ("preprocess", "log2", ["preprocess:", "'log2'"]),
    ("preprocess", ["log3"], ["preprocess", "log3"]),
    ("preprocess", [{"clip": [5, 1]}], ["preprocess", "clip", "[5, 1]"]),
    ("preprocess", [{"clip": 5}], ["preprocess", "clip", "5"]),
    ("preprocess", [{"impute": "magic"}], ["preprocess", "impute", "magic"]),
    ("preprocess", [{"class": "os.system"}], ["preprocess", "os.system"]),
    ("preprocess", [{"class": "sklearn.preprocessing.Nope"}], ["preprocess", "Nope"]),
    ("protocol.kind", "dishonest", ["protocol.kind:", "one of honest, as-described, as-run,", "'dishonest'"]),
    ("protocol.outer", "loo", ["protocol.outer:", "'official'", "'loo'"]),
    ("protocol.inner_folds", 1, ["protocol.inner_folds:", "greater than or equal to 2", "1"]),
    ("protocol.inner_folds", True, ["protocol.inner_folds:", "True"]),
    ("protocol.test_size", 1.0, ["protocol.test_size:", "less than 1", "1.0"]),
    ("protocol.test_size", "half", ["protocol.test_size:", "'half'"]),
    ("protocol.n_splits", 4, ["protocol:", "n_splits has no effect with outer: holdout"]),
    ("protocol.outer", "official", ["protocol.outer:", "'wine'", "no official test part"]),
    ("protocol.inner_folds", 60, ["protocol.inner_folds", "60"]),
    ("arms", {}, ["arms:", "at least 1 item"]),
    ("arms", {"a/b": {}}, ["arms:", "letters, digits", "'a/b'"]),
    ("arms.more", {"generator": VAE}, ["arms.more:", "n_synthetic is missing"]),
    ("arms.more", {"n_synthetic": 10}, ["arms.more:", "generator is missing"]),
    ("arms.more", {"generator": VAE, "n_synthetic": 0}, ["arms.more.n_synthetic:", "0"]),
    ("arms.more", {"generator": {"kind": "gan"}, "n_synthetic": 9}, ["arms.more.generator", "'gan'", "one of vae, conditional_vae,"]),
    ("arms.more", {"generator": {}, "n_synthetic": 9}, ["arms.more.generator", "kind"]),
    ("arms.more", {"generator": {**VAE, "latent": 0}, "n_synthetic": 9}, ["arms.more.generator.latent:", "0"]),
    ("arms.more", {"generator": {**VAE, "hidden": 5}, "n_synthetic": 9}, ["arms.more.generator.hidden:", "5"]),
    ("arms.more", {"generator": {**VAE, "norm": "group"}, "n_synthetic": 9}, ["generator.norm:", "'group'"]),
    ("arms.more", {"generator": {**VAE, "learning_rate": -1}, "n_synthetic": 9}, ["learning_rate:", "-1"]),
    ("arms.more", {"generator": {**VAE, "widths": 3}, "n_synthetic": 9}, ["widths:", "is no known key"]),
    ("arms.more", {"generator": {**VAE, "hidden": []}, "n_synthetic": 9}, ["generator.hidden:", "one or more widths, got ()"]),
    ("arms.more", {"generator": {**VAE, "latent": None}, "n_synthetic": 9}, ["arms.more.generator.latent:", "at least 1, got None"]),
    ("arms.more", {"generator": {**VAE, "laten": 3}, "n_synthetic": 9}, ["generator.laten:", "did you mean latent?"]),
    ("arms.more", {"generator": {**VAE, "hidden": [8, 0]}, "n_synthetic": 9}, ["generator.hidden:", "each width", "got 0"]),
    ("arms.more", {"generator": {**VAE, "sigma": "wide"}, "n_synthetic": 9}, ["generator.sigma:", "heldout", "'wide'"]),
    ("arms.more", {"generator": {**VAE, "likelihood": "poisson"}, "n_synthetic": 9}, ["generator.likelihood:", "'poisson'"]),
    ("arms.more", {"generator": {**VAE, "annealing": "slow"}, "n_synthetic": 9}, ["generator.annealing:", "'slow'"]),
    ("arms.more", {"generator": {**VAE, "class_weight": {0: -1}}, "n_synthetic": 9}, ["class_weight[0]", "-1"]),
    ("arms.more", {"generator": {**VAE, "output_norm": "yes"}, "n_synthetic": 9}, ["generator.output_norm:", "'yes'"]),
    ("arms.more", {"generator": {**VAE, "device": "cpu"}, "n_synthetic": 9}, ["generator.device:", "is no known key"]),
    ("arms.more", {"generator": {**VAE, "preset": "best"}, "n_synthetic": 9}, ["generator.preset:", "thesis", "'best'"]),
    ("arms.more", {"generator": {**VAE, "noise": "no"}, "n_synthetic": 9}, ["generator.noise:", "true or false", "'no'"]),
    ("arms.more", {"generator": {**VAE, "source": "prior"}, "n_synthetic": 9}, ["generator.source:", "posterior", "'prior'"]),
    ("arms.more", {"generator": {"kind": "hierarchical_vae", "latent": [3]}, "n_synthetic": 9}, ["generator.latent:", "two layers"]),
    ("arms.more", {"generator": {"kind": "ppca", "latent": "few"}, "n_synthetic": 9}, ["generator.latent:", "'auto'", "'few'"]),
    ("arms.more", {"generator": {"kind": "ppca", "hidden": [8]}, "n_synthetic": 9}, ["generator.hidden:", "is no known key"]),
    ("arms.more", {"generator": {"kind": "jitter", "share": -1}, "n_synthetic": 9}, ["generator.share:", "at least 0, got -1"]),
    ("arms.more", {"generator": {"kind": "bootstrap", "noise": True}, "n_synthetic": 9}, ["generator.noise:", "is no known key"]),
    ("arms.more", {"generator": {"kind": "smote", "k_neighbors": 0}, "n_synthetic": 9}, ["generator.k_neighbors:", "at least 1, got 0"]),
    ("arms.more", {"generator": {**VAE, "beta": 0}, "n_synthetic": 9}, ["generator.beta:", "0"]),
    ("arms.more", {"generator": {**VAE, "batch_size": 1}, "n_synthetic": 9}, ["generator.batch_size:", "1"]),
    ("preprocess", [{"class": "sklearn.decomposition.PCA"}], ["PCA"]),
    ("fitness", {"class": "sklearn.linear_model.LinearRegression"}, ["fitness:", "LinearRegression", "classifier"]),
    ("fitness", {"class": ".a.B"}, ["fitness:", "'.a.B'", "cannot be imported"]),
    ("fitness", {"classifier": "knn", "parameters": {"metric": "far"}}, ["fitness:", "metric", "far"]),
    ("fitness.metric", "roc_auc", ["fitness.metric:", "two classes", "'wine' has 3"]),
    ("dataset.source", "x" * 5000 + ".csv", ["dataset"]),
    ("fitness", {}, ["fitness:", "classifier", "class"]),
    ("fitness.classifier", "svm", ["fitness:", "classifier must be one of", "got 'svm'; did you mean"]),
    ("fitness.n_neighbors", 3, ["fitness:", "GaussianNB has no parameter 'n_neighbors'"]),
    ("fitness", {"classifier": "knn", "n_neighbors": 0}, ["fitness:", "n_neighbors", "Got 0"]),
    ("fitness", {"classifier": "knn", "n_neighbor": 3}, ["did you mean 'n_neighbors'?"]),
    ("fitness", {"class": "os.path"}, ["fitness:", "'os.path'", "must be of scikit-learn, imbalanced-learn, vaega or a package that you trust"]),
    ("fitness", {"class": "no.such.Thing"}, ["fitness:", "'no.such.Thing'", "cannot be imported"]),
    ("fitness", {"class": "builtins.dict"}, ["fitness:", "--trust builtins"]),
    ("fitness", {"classifier": "knn", "class": "a.B"}, ["fitness:", "either classifier", "or class"]),
    ("fitness.metric", "acuracy", ["fitness.metric: must be one of", "got 'acuracy'; did you mean 'accuracy'?"]),
    ("fitness", {"classifier": "ridge", "metric": "neg_log_loss"}, ["fitness:", "neg_log_loss", "RidgeClassifier"]),
    ("fitness.objective", {"kind": "best"}, ["fitness.objective", "'best'", "'weighted'"]),
    ("fitness.objective", {"kind": "weighted", "alpha": 2}, ["fitness.objective.alpha:", "2"]),
    ("fitness.objective", {"kind": "penalty", "alpha": 1}, ["fitness.objective.alpha:", "is no known key"]),
    ("search.population_size", 1, ["search:", "population_size", "at least 2, got 1"]),
    ("search.population_size", "100", ["search.population_size:", "'100'"]),
    ("search.n_generations", 0, ["search.n_generations:", "0"]),
    ("search.initial_fraction", 0, ["search:", "initial_fraction must be a number above 0, got 0.0"]),
    ("search.initial_fraction", "few", ["search.initial_fraction:", '"auto"', "'few'"]),
    ("search.crossover", "three_point", ["search:", "crossover must be one of", "'three_point'"]),
    ("search.mutation", "swap_all", ["search:", "mutation must be one of", "'swap_all'"]),
    ("search.algorithm", "pso", ["search:", "algorithm must be one of", "'pso'"]),
    ("search.elite", 6, ["search:", "elite", "from 0 to 5, got 6"]),
    ("search.crossover_probability", 1.2, ["search:", "crossover_probability", "1.2"]),
    ("search.generations", 3, ["search.generations:", "did you mean n_generations?"]),
    ("search.max_features", 0, ["search.max_features:", "0"]),
    ("permutations", 10**9, ["permutations:", "at most 1000000, got 1000000000"]),
    ("permutations", {"number": 10**6, "seeds": 3}, ["at most 200000 runs, got 1000001"]),
    ("permutations", {"number": 10**9}, ["permutations.number:", "1000000000"]),
    ("protocol", {"outer": "kfold", "n_repeats": 10**9}, ["protocol.n_repeats:", "1000000000"]),
    ("protocol", {"outer": "kfold", "n_splits": 10**9}, ["protocol.n_splits:", "1000000000"]),
    ("protocol.inner_folds", 10**9, ["protocol.inner_folds:", "1000000000"]),
    ("arms.more", {"generator": {"kind": "jitter"}, "n_synthetic": 10**9}, ["arms.more.n_synthetic:", "at most 10000000, got 1000000000"]),
    ("arms.more", {"selector": {"kind": "f_classif", "size": 0}}, ['arms.more.selector.size: must be a whole number of at least 1 or "auto", got 0.']),
    ("arms.more", {"selector": {"kind": "f_classif", "size": 2.5}}, ["arms.more.selector.size: must be", "got 2.5."]),
    ("tune", {"space": {"share": []}}, ["tune.space.share: must be a list of values, or low and high, got []."]),
    ("tune", {"space": {"share": {"low": 0, "high": "few"}}}, ["tune.space.share: must be a number, got 'few'."]),
    ("tune", {"space": {"share": {"low": 0, "hihg": 1}}}, ["tune.space.share.hihg: is no known key"]),
    ("dataset.source", "x" * 300, ["dataset.source: xxx", "is too long for a name or a path."]),
    ("arms.more", {"selector": {"kind": "random", "n_masks": 10**9}}, ["arms.more.selector.n_masks:", "1000000000"]),
    ("search.population_size", 10**9, ["search", "population_size", "must be at most", "got 1000000000"]),
    ("search.n_generations", 10**9, ["search", "n_generations", "must be at most"]),
    ("search.n_searches", 10**9, ["search", "n_searches"]),
    ("search.n_draws", 10**9, ["search", "n_draws"]),
    ("search", {"algorithm": "islands", "n_islands": 10**9}, ["search:", "n_islands must be at most"]),
    ("fitness", {"classifier": "random_forest", "n_estimators": 10**9}, ["fitness:", "n_estimators must be at most 100000, got 1000000000"]),
    ("fitness", {"classifier": "mlp", "hidden_layer_sizes": [10**9]}, ["fitness:", "hidden_layer_sizes must be at most 100000"]),
    ("preprocess", [{"class": "sklearn.preprocessing.KBinsDiscretizer", "n_bins": 10**9}], ["preprocess: step 1: n_bins must be at most 100000"]),
    ("tune", {"space": {"latent": {"low": 1, "high": 9, "points": 10**9}}}, ["points:", "1000000000"]),
    ("tune", {"trials": 0}, ["tune.trials:", "0"]),
    ("tune", {"sampler": "best"}, ["tune.sampler:", "'tpe'", "'best'"]),
    ("tune", {"objective": "loss"}, ["tune.objective:", "'elbo'", "'loss'"]),
    ("tune", {"space": {"latent": 3}}, ["tune.space.latent:", "list of values", "got 3"]),
    ("tune", {"space": {"latent": {"low": 3, "high": 2}}}, ["tune.space.latent", "low must be below high, got 3 and 2"]),
    ("tune", {"trails": 3}, ["tune.trails:", "did you mean trials?"]),
]  # fmt: skip


def changed(key, value):
    content = copy.deepcopy(GOOD)
    *path, last = key.split(".")
    place = content
    for part in path:
        place = place[part]
    place[last] = value
    return content


def refused(arguments, capsys, words):
    code = main([str(argument) for argument in arguments])
    error = capsys.readouterr().err
    assert code == 2, error
    lines = error.strip().splitlines()
    assert len(lines) == 1, error
    assert lines[0].startswith("vaega: ")
    assert "Traceback" not in error
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"
    return lines[0]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VAEGA_DATA", raising=False)


@pytest.mark.parametrize(("key", "value", "words"), CONFIG_CASES, ids=lambda case: str(case)[:40])
def test_a_bad_value_in_a_configuration(tmp_path, capsys, key, value, words):
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(changed(key, value)))
    sentence = refused(["run", path, "--results", tmp_path / "results"], capsys, words)
    print(sentence)
    assert not list(tmp_path.glob("results/good/runs/*/metrics.json"))


@pytest.mark.parametrize("key", ["name", "dataset", "fitness"])
def test_a_missing_key(tmp_path, capsys, key):
    content = {name: value for name, value in GOOD.items() if name != key}
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(content))
    refused(["check", tmp_path / "bad.yaml"], capsys, ["bad.yaml:", f"{key}: is missing"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["must hold keys", "None"]),
        ("- 1\n- 2\n", ["must hold keys", "[1, 2]"]),
        ("name: [unclosed\n", ["line", "no valid YAML"]),
        ("name: a\nname: b\n", ["line 2", "'name' twice"]),
        ("name: !!python/object/apply:os.system [ls]\n", ["no valid YAML", "python/object"]),
        ("\tname: a\n", ["line 1", "no valid YAML"]),
        ("preprocess: &p [*p]\n", ["line 1: preprocess.0:", "holds itself"]),
        ("seeds: " + "1" * 5000, ["line 1: seeds:", "64 bits"]),
    ],
)
def test_files_that_are_no_configuration(tmp_path, capsys, text, words):
    (tmp_path / "bad.yaml").write_text(text)
    refused(["check", tmp_path / "bad.yaml"], capsys, ["bad.yaml", *words])


def test_bytes_that_are_no_text(tmp_path, capsys):
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00name")
    refused(["check", tmp_path / "bad.yaml"], capsys, ["bad.yaml", "UTF-8"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], ["FILE"]),
        (["run", "missing.yaml"], ["missing.yaml", "cannot be read"]),
        (["run", "good.yaml", "--jobs", "0"], ["--jobs", "0"]),
        (["run", "good.yaml", "--jobs", "two"], ["--jobs", "'two'"]),
        (["run", "good.yaml", "--device", "tpu"], ["--device", "'tpu'"]),
        (["run", "good.yaml", "--set", "seeds"], ["--set seeds", "key=value"]),
        (["run", "good.yaml", "--set", "seeds.deep=1"], ["--set seeds.deep=1", "has no keys"]),
        (["run", "good.yaml", "--set", "seeds=[1"], ["--set seeds=[1", "no valid YAML"]),
        (["run", "good.yaml", "--set", "serch.elite=1"], ["serch", "did you mean search?"]),
        (["run", "good.yaml", "--results", "good.yaml"], ["--results", "good.yaml"]),
        (["report", "nowhere"], ["nowhere", "no runs.csv"]),
        (["tune", "good.yaml"], ["tune.arm", "has a generator (none)"]),
        (["tune", "good.yaml", "--trials", "0"], ["trials", "0"]),
        (["tune", "good.yaml", "--jobs", "0"], ["--jobs", "0"]),
        (["tune", "good.yaml", "--sampler", "best"], ["--sampler", "'best'"]),
        (["tune", "good.yaml", "--arm", "more"], ["tune.arm", "'more'"]),
        (["cache", "clear", "--older-than", "soon"], ["--older-than", "'soon'"]),
        (["cache", "lits"], ["lits"]),
        (["datasets", "show", "unheard_of"], ["unheard_of", "VAEGA_DATA"]),
        (["datasets", "shwo"], ["shwo"]),
        (["rnu"], ["rnu"]),
        (["run", "good.yaml", "--speed"], ["--speed"]),
    ],
)
def test_bad_commands(tmp_path, capsys, arguments, words):
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(GOOD))
    refused(arguments, capsys, words)


TABLES = {
    "empty": ("", ["table.csv"]),
    "no rows": ("a,b,class\n", ["table.csv", "row"]),
    "no target": ("a,b\n1,2\n3,4\n", ["table.csv", "target"]),
    "text column": ("a,b,class\n1,red,x\n2,blue,y\n3,red,x\n", ["'b'", "categorical"]),
    "ragged": ("a,b,class\n1,2,x\n1,2,3,y,z\n", ["table.csv"]),
    "one class": ("a,class\n1,x\n2,x\n3,x\n", ["class"]),
    "missing label": ("a,class\n1,x\n2,\n3,y\n", ["missing"]),
    "continuous": ("a,class\n" + "".join(f"{i},{i / 7}\n" for i in range(40)), ["regression"]),
    "infinite": ("a,class\n1,x\ninf,y\n3,x\n", ["infinite"]),
}


@pytest.mark.parametrize("case", TABLES)
def test_bad_tables(tmp_path, capsys, case):
    text, words = TABLES[case]
    (tmp_path / "table.csv").write_text(text)
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(changed("dataset.source", "table.csv")))
    refused(["run", tmp_path / "bad.yaml"], capsys, words)


def test_rows_too_few_for_the_folds(tmp_path, capsys):
    rows = "".join(f"{i},{i % 7},{'xyz'[i % 2 if i else 2]}\n" for i in range(30))
    (tmp_path / "table.csv").write_text("a,b,class\n" + rows)
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(changed("dataset.source", "table.csv")))
    refused(["run", tmp_path / "bad.yaml"], capsys, ["protocol", "'z'", "1"])


def test_missing_values_name_the_remedy(tmp_path, capsys):
    rows = "".join(f"{i},{'' if i == 4 else i % 7},{'xy'[i % 2]}\n" for i in range(30))
    (tmp_path / "table.csv").write_text("a,b,class\n" + rows)
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(changed("dataset.source", "table.csv")))
    refused(["run", tmp_path / "bad.yaml"], capsys, ["got 1;", "impute"])


def test_a_pickle_in_disguise_is_not_opened(tmp_path, capsys):
    np.savez(tmp_path / "evil.npz", X_train=np.array([{"a": 1}], dtype=object), y_train=[1])
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(changed("dataset.source", "evil.npz")))
    refused(["run", tmp_path / "bad.yaml"], capsys, ["evil.npz"])


def test_a_device_that_is_not_here(tmp_path, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a CUDA device is here, so that asking for it is no bad input")
    arms = {"augmented": {"generator": VAE, "n_synthetic": 9}}
    (tmp_path / "good.yaml").write_text(yaml.safe_dump(changed("arms", arms)))
    refused(["run", "good.yaml", "--device", "cuda"], capsys, ["--device", "cuda"])


def test_debug_shows_the_traceback(tmp_path):
    (tmp_path / "bad.yaml").write_text(yaml.safe_dump(changed("seeds", 0)))
    with pytest.raises(ValueError, match="seeds"):
        main(["check", str(tmp_path / "bad.yaml"), "--debug"])
