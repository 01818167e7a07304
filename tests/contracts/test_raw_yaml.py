"""Any bytes as a configuration: valid or refused, a sentence a fault, in bounded time and memory.

``make fuzz TEXTS=2000`` tries more texts than a test run has time for; ``SEED`` is the first one.
"""

import os
import resource
import signal

import pytest

from tests.contracts.raw_yaml import SCALARS, raw_text
from vaega.cli import main

TEXTS, SEED = (int(os.environ.get(f"VAEGA_FUZZ_{name}", "100")) for name in ("TEXTS", "SEED"))
SECONDS, MEGABYTES = 60, 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    rows = "".join(f"{i % 5},{i % 7},{(i * i) % 11},{'xy'[i % 2]}\n" for i in range(24))
    (folder / "table.csv").write_text("a,b,c,class\n" + rows)
    return folder


@pytest.fixture(autouse=True)
def _bounded(folder, monkeypatch):
    def stop(*_):
        raise AssertionError(f"it took more than {SECONDS} s")

    monkeypatch.chdir(folder)
    monkeypatch.delenv("VAEGA_DATA", raising=False)
    before = signal.signal(signal.SIGALRM, stop)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def said(arguments, capsys):
    """Return exit code and sentences of a command."""
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(SECONDS)
    code = main(arguments)
    signal.alarm(0)
    out = capsys.readouterr()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - held) / 1024
    assert grown < MEGABYTES, f"it took {grown:.0f} MB"
    return code, out.err.splitlines()


def check_law(code, sentences):
    assert code in (0, 2), sentences
    assert not any("vaega: unexpected" in one or "Traceback" in one for one in sentences), sentences
    if code == 2:
        assert sentences
        assert all(one.startswith("vaega: ") for one in sentences), sentences
        assert max(map(len, sentences)) < 10_000


def test_any_text_is_valid_or_refused(folder, capsys):
    codes = []
    said(["check", "none.yaml"], capsys)  # imports are no memory of a text
    for seed in range(SEED, SEED + TEXTS):
        (folder / "raw.yaml").write_bytes(raw_text(seed))
        code, sentences = said(["check", "raw.yaml"], capsys)
        try:
            check_law(code, sentences)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {raw_text(seed)[:2000]!r}") from error
        codes.append(code)
    # Texts that are all refused, or all valid, would test little.
    assert 0 < codes.count(0) < TEXTS


def test_any_value_of_an_option_is_valid_or_refused(folder, capsys):
    (folder / "good.yaml").write_text(
        "{name: good, dataset: {source: table.csv}, fitness: {classifier: knn}, seeds: 1}"
    )
    for key in ("seeds", "search.elite", "description", "permutations"):
        for value in SCALARS:
            check_law(*said(["check", "good.yaml", "--no-data", "--set", f"{key}={value}"], capsys))
