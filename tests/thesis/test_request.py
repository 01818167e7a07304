from pathlib import Path

import pytest

from vaega.core.errors import InputError
from vaega.thesis.reproduction import Request


def test_everything_is_wanted_unless_something_is_named():
    assert Request(Path("out")).wanted_protocols() == ("as-run", "as-described", "honest")
    request = Request(Path("out"), datasets=("gcm",), protocols=("honest", "as-run"))
    assert request.wanted_protocols() == ("as-run", "honest")
    assert request.wants("gcm")
    assert not request.wants("madelon")


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"scale": "huge"}, "--scale must be one of"),
        ({"datasets": ("iris",)}, "--dataset must be one of"),
        ({"protocols": ("fair",)}, "--protocol must be one of"),
    ],
)
def test_unknown_names(keys, sentence):
    with pytest.raises(InputError, match=sentence):
        Request(Path("out"), **keys)
