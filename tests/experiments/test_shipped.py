"""Configurations that come with vaega: found by name, described, copied."""

from pathlib import Path

import pytest

import vaega
from vaega.core.errors import InputError
from vaega.experiments import shipped
from vaega.experiments.config import load_config
from vaega.experiments.shipped import copy_config, describe_config, find_config, shipped_configs

ROOT = Path(vaega.__file__).parents[1]


def test_all_of_them_have_a_name_and_a_line():
    known = shipped_configs()
    assert set(known.values()) == set((ROOT / "configs").rglob("*.yaml"))
    assert {"quickstart", "madelon", "thesis/madelon"} <= known.keys()
    assert all(describe_config(path) for path in known.values())


def test_a_wheel_has_them_inside_the_package(tmp_path, monkeypatch):
    inside = tmp_path / "vaega" / "configs"
    inside.mkdir(parents=True)
    (inside / "own.yaml").write_text("description: mine\n")
    monkeypatch.setattr(shipped.vaega, "__file__", str(tmp_path / "vaega" / "__init__.py"))
    assert shipped_configs() == {"own": inside / "own.yaml"}
    inside.rename(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="the folder configs is missing"):
        shipped_configs()


def test_a_file_that_is_there_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_config(Path("quickstart")) == ROOT / "configs" / "quickstart.yaml"
    assert find_config(Path("quickstart.yaml")) == Path("quickstart.yaml")
    (tmp_path / "quickstart").write_text("name: mine\n")
    assert find_config(Path("quickstart")) == Path("quickstart")


@pytest.mark.parametrize(
    ("name", "words"),
    [("quikstart", "did you mean quickstart?"), ("mars", "vaega configs lists them.")],
)
def test_an_unknown_name(name, words, tmp_path):
    with pytest.raises(InputError, match="no configuration of that name") as error:
        find_config(Path(name))
    assert str(error.value).endswith(words)
    with pytest.raises(InputError, match=f"no configuration is called '{name}'"):
        copy_config(name, tmp_path)


def test_a_copy_is_the_file_and_replaces_nothing_unasked(tmp_path):
    path = copy_config("thesis/madelon", tmp_path / "new")
    assert path == tmp_path / "new" / "madelon.yaml"
    assert path.read_bytes() == (ROOT / "configs" / "thesis" / "madelon.yaml").read_bytes()
    load_config(path)
    path.write_text("mine")
    with pytest.raises(InputError, match="is there already; --force replaces it"):
        copy_config("madelon", tmp_path / "new")
    assert path.read_text() == "mine"
    assert "mine" not in copy_config("madelon", tmp_path / "new", force=True).read_text()
