"""``vaega warmup``: every engine, the rankers and the autoencoder are compiled by it."""

from vaega.cli.app import DONE, main
from vaega.engines._registry import ENGINES, EngineSpec
from vaega.experiments.warmup import CLASSIFIERS


def test_every_kernel_is_compiled(capsys, monkeypatch):
    certain, predict = {}, EngineSpec.predict

    def spy(self, *arguments):
        predictions = predict(self, *arguments)
        of_engine = certain.setdefault(self.module, {}).setdefault(self.metric.name, [])
        of_engine.append(predictions.certain.any())
        return predictions

    monkeypatch.setattr(EngineSpec, "predict", spy)
    assert main(["warmup"]) == DONE
    assert set(certain) == set(ENGINES.values())
    for metrics in certain.values():  # computed, not left to scikit-learn
        assert {"accuracy", "balanced_accuracy", "f1_macro"} <= set(metrics)
        assert all(any(each) for each in metrics.values())
    lines = capsys.readouterr().out.splitlines()
    known = {name.removeprefix("sklearn.") for name in ENGINES}
    assert {line.split()[0] for line in lines} == known | {"rankers", "VAE"}
    assert all(line.endswith(" s") for line in lines)


def test_every_engine_has_a_classifier():
    assert {f"sklearn.{type(one).__name__}" for one in CLASSIFIERS} == set(ENGINES)
