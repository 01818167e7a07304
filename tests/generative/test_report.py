import dataclasses
import json

from tests.generative.data import blobs
from vaega.generative.autoencoders import VAE


def test_report_is_plain_data():
    X, y = blobs()
    report = VAE((8,), 2, max_epochs=3, random_state=0).fit(X, y).report_
    assert json.loads(json.dumps(dataclasses.asdict(report))) == dataclasses.asdict(report)
    assert report.n_training + report.n_heldout == len(X)
    assert min(report.sigma, report.noise, report.kl, report.variance_ratio) > 0
