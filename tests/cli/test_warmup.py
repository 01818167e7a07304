"""``vaega warmup``: every engine, the rankers and the autoencoder are compiled by it."""

from vaega.cli.app import DONE, main
from vaega.engines._registry import ENGINES
from vaega.experiments.warmup import CLASSIFIERS


def test_every_kernel_is_compiled(capsys):
    assert main(["warmup"]) == DONE
    lines = capsys.readouterr().out.splitlines()
    known = {name.removeprefix("sklearn.") for name in ENGINES}
    assert {line.split()[0] for line in lines} == known | {"rankers", "VAE"}
    assert all(line.endswith(" s") for line in lines)


def test_every_engine_has_a_classifier():
    assert {f"sklearn.{type(one).__name__}" for one in CLASSIFIERS} == set(ENGINES)
