from importlib import import_module

import pytest

from vaega.core.errors import InputError
from vaega.thesis.reproduction import PICTURES, TABLES, make_picture, make_table


@pytest.mark.parametrize("place", sorted({*TABLES.values(), *PICTURES.values()}))
def test_every_function_is_there(place):
    module, _, name = place.partition(":")
    assert callable(getattr(import_module(module), name))


def test_every_number_of_the_thesis_has_a_function():
    assert {"2.1", "2.2", "3", "4", "4.1", "4.2", "4.3", "4.4"} <= set(TABLES)
    assert {"3.5", *(f"4.{number}" for number in range(7, 18))} <= set(PICTURES)


def test_unknown_names(request_for):
    with pytest.raises(InputError, match="--table must be one of"):
        make_table("9.9", request_for())
    with pytest.raises(InputError, match="--figure must be one of"):
        make_picture("9.9", request_for())
