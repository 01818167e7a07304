"""Which code a configuration may name, and that nothing of any other is imported."""

import os
import sys

import pytest

from vaega.core.errors import InputError
from vaega.core.trust import (
    UntrustedError,
    WithTrust,
    import_trusted,
    refuse_places,
    trusted_packages,
    trusting,
)

EVIL = "from pathlib import Path\nPath('imported').touch()\nclass Evil:\n    pass\n"


@pytest.fixture(autouse=True)
def _evil(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("VAEGA_TRUST", raising=False)
    for name in ("evilmod", "sklearn_evil", "vaega2"):
        (tmp_path / f"{name}.py").write_text(EVIL)
    yield
    for name in ("evilmod", "sklearn_evil", "vaega2"):
        sys.modules.pop(name, None)


def imported(path):
    return import_trusted(path, owner="fitness", key="class")


@pytest.mark.parametrize(
    "path",
    ["sklearn.svm.SVC", "vaega.VAE", "sklearn.svm._classes.SVC", "sklearn.feature_selection.chi2"],
)
def test_what_all_trust(path):
    assert imported(path).__name__ == path.rpartition(".")[2]


@pytest.mark.parametrize(
    "path", ["evilmod.Evil", "sklearn_evil.Evil", "vaega2.Evil", "os.system", "builtins.eval"]
)
def test_anything_else_is_refused_before_it_is_imported(path, tmp_path):
    package = path.partition(".")[0]
    with pytest.raises(UntrustedError) as refusal:
        imported(path)
    sentence = str(refusal.value)
    assert sentence.startswith("fitness: class must be of scikit-learn, imbalanced-learn, vaega or")
    assert f"--trust {package} " in sentence
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize(
    "path",
    [
        "sklearn.base.np",
        "sklearn.base.defaultdict",
        "sklearn.datasets._base.Path",
        "sklearn.externals.array_api_compat.numpy",
        "vaega.core.trust.os",
        "vaega.core.files.json",
    ],
)
def test_what_a_trusted_package_imports_is_not_of_it(path):
    with pytest.raises(UntrustedError, match="itself, and not what it imports"):
        imported(path)


@pytest.mark.parametrize(
    "path",
    ["sklearn.utils.os.system", "sklearn.svm.SVC.__init__", "vaega.__main__.main", "sklearn",
     ".a.B", "", "sklearn.svm.", "sklearn.svm.Nothing", "no_such.Thing", 7, None],
)  # fmt: skip
def test_what_is_no_path_of_a_class(path):
    with pytest.raises(InputError, match="must be importable as package"):
        imported(path)


def test_a_folder_that_has_a_package_s_name_is_not_it(tmp_path, monkeypatch):
    (tmp_path / "imblearn").mkdir()
    (tmp_path / "imblearn" / "__init__.py").write_text(EVIL)
    monkeypatch.delitem(sys.modules, "imblearn", raising=False)
    with pytest.raises(UntrustedError, match="--trust imblearn"):
        imported("imblearn.Evil")
    assert not (tmp_path / "imported").exists()


def test_what_the_user_trusts(monkeypatch):
    with trusting(["evilmod"]):
        assert imported("evilmod.Evil").__name__ == "Evil"
        assert os.environ["VAEGA_TRUST"] == "evilmod"
    with pytest.raises(UntrustedError):
        imported("evilmod.Evil")
    monkeypatch.setenv("VAEGA_TRUST", "other, evilmod")
    assert imported("evilmod.Evil")
    for less in ("evil", "evilmod.sub", "evilmo"):
        monkeypatch.setenv("VAEGA_TRUST", less)
        with pytest.raises(UntrustedError):
            imported("evilmod.Evil")
    monkeypatch.setenv("VAEGA_TRUST", "a/b")
    with pytest.raises(InputError, match=r"VAEGA_TRUST: must name a package .* got 'a/b'"):
        imported("evilmod.Evil")


def test_a_function_for_workers_takes_the_trust_along(monkeypatch):
    with trusting(["evilmod"]):
        work = WithTrust(imported)
    monkeypatch.setenv("VAEGA_TRUST", "")  # the worker's own
    assert work("evilmod.Evil")
    assert trusted_packages() == ("evilmod",)


@pytest.mark.parametrize(
    "name", ["memory", "estimator__memory", "cache", "model_path", "filename", "checkpoint", "path"]
)
def test_parameters_that_are_places_of_files(name):
    refuse_places({name: None, "cache_size": 200, "n_profiles": 2}, owner="preprocess: step 1")
    with pytest.raises(InputError, match=f"preprocess: step 1: {name} cannot be set") as refusal:
        refuse_places({name: "mem"}, owner="preprocess: step 1")
    assert refusal.value.key == name
