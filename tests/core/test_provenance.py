"""Digests of the code: they change with a source, and what is kept under them is not used again."""

import subprocess
import sys

import pytest

from vaega.core import provenance
from vaega.core.provenance import class_digests, kernel_digest, processor_kind, source_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a package of two modules, one with a kernel, in place of vaega."""
    monkeypatch.setattr(provenance, "_PACKAGE", tmp_path)
    (tmp_path / "core").mkdir()
    (tmp_path / "core" / "kernels.py").write_text("# kernels")
    (tmp_path / "engine.py").write_text("from vaega.core.kernels import kernel")
    (tmp_path / "page.py").write_text("# a page")
    yield tmp_path
    for digest in (source_digest, kernel_digest):
        digest.cache_clear()


def digests():
    for digest in (source_digest, kernel_digest):
        digest.cache_clear()
    return source_digest(), source_digest("core"), kernel_digest()


@pytest.mark.parametrize(
    ("changed", "whole", "core", "kernels"),
    [
        ("core/kernels.py", True, True, True),
        ("engine.py", True, False, True),
        ("page.py", True, False, False),
    ],
)
def test_a_digest_changes_with_its_sources_alone(package, changed, whole, core, kernels):
    before = digests()
    with (package / changed).open("a") as file:
        file.write("\n# and more")
    assert [a != b for a, b in zip(before, digests(), strict=True)] == [whole, core, kernels]


def test_a_file_that_moves_is_another_source(package):
    before = digests()[0]
    (package / "page.py").rename(package / "leaf.py")
    assert digests()[0] != before


def test_classes_of_the_user_are_known_by_their_source(tmp_path, monkeypatch):
    (tmp_path / "my_steps.py").write_text("class Step: pass")
    monkeypatch.syspath_prepend(tmp_path)
    settings = {
        "preprocess": [{"class": "my_steps.Step"}, {"class": "sklearn.preprocessing.Binarizer"}],
        "fitness": {"class": None},
    }
    before = class_digests(settings)
    assert list(before) == ["my_steps.Step"]
    (tmp_path / "my_steps.py").write_text("class Step: changed = True")
    assert class_digests(settings) != before
    assert class_digests({"class": "nowhere.at.all.Class"}) == {"nowhere.at.all.Class": ""}


def test_the_processor_has_a_name():
    assert processor_kind().strip()


HITS = """
import sys
from vaega.core import kernels
kernels.kernel_digest = lambda: sys.argv[1]
import of_user
of_user.double(2.0)
print(sum(of_user.double.stats.cache_hits.values()))
"""


def test_kernels_that_are_kept_go_with_the_code_of_any(tmp_path, monkeypatch):
    source = "from vaega.core.kernels import kernel\n@kernel\ndef double(x):\n    return 2.0 * x\n"
    (tmp_path / "of_user.py").write_text(source)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)

    def hits(digest):
        command = [sys.executable, "-c", HITS, digest]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
        return int(done.stdout)

    assert [hits(digest) for digest in ("a", "a", "b", "b")] == [0, 1, 0, 1]
