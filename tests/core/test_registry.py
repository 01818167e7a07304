"""Registries: names, objects and dotted classes, each refused in one sentence."""

from fractions import Fraction
from functools import partial

import pytest

from vaega.core.errors import InputError
from vaega.core.registry import Registry, import_object, matching_arguments, takes_argument


def numbers():
    return Registry("a callable", callable, {"absolute": abs, "root": "math.sqrt"})


def test_a_name_an_object_and_a_class_stand_for_the_object():
    registry = numbers()
    assert registry.resolve("absolute", "key", owner="me") is abs
    assert registry.resolve("root", "key", owner="me")(9.0) == 3.0
    assert registry.resolve(max, "key", owner="me") is max
    ratio = registry.resolve(
        {"class": "fractions.Fraction", "params": {"numerator": 3}}, "key", owner="me"
    )
    assert ratio == 3
    bound = registry.resolve({"class": "builtins.int", "params": {}}, "key", owner="me")
    assert bound == 0


def test_a_function_is_bound_to_its_parameters():
    isclose = numbers().resolve(
        {"class": "math.isclose", "params": {"abs_tol": 1.0}}, "key", owner="me"
    )
    assert isclose(1.0, 1.9)


def test_a_registry_of_classes_makes_none():
    registry = Registry("a class", callable, {"number": int}, of_classes=True)
    assert registry.resolve("number", "key", owner="me") is int
    assert registry.resolve(dict, "key", owner="me") is dict
    ratio = {"class": "fractions.Fraction", "params": {"numerator": 3}}
    made = registry.resolve(ratio, "key", owner="me")
    assert (made.func, made.keywords) == (Fraction, {"numerator": 3})


def test_arguments_are_those_that_a_callable_names():
    def power(base, *, exponent, scale=1.0, **others):
        return scale * base**exponent

    offered = {"exponent": 2, "scale": 3, "offset": 4}
    assert matching_arguments(power, offered) == {"exponent": 2, "scale": 3}
    assert matching_arguments(partial(power, scale=7), offered) == {"exponent": 2}
    assert matching_arguments(int, offered) == {}  # a builtin without a signature
    assert takes_argument(power, "offset")
    assert not takes_argument(partial(abs), "offset")


def test_what_is_registered_is_known():
    registry = numbers()
    assert registry.register("largest", max) is max
    assert list(registry) == ["absolute", "root", "largest"]
    assert len(registry) == 3
    assert registry["largest"] is max


@pytest.fixture(autouse=True)
def _trusted(monkeypatch):
    monkeypatch.setenv("VAEGA_TRUST", "math,fractions,builtins")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("cube", "me: key must be one of absolute, root; got 'cube'."),
        (3, "me: key must be one of absolute, root, or a callable, got 3."),
        ({"params": {}}, "or hold class: package.Name and params: {...}, got {'params': {}}."),
        ({"class": "math.sqrt", "extra": 1}, "or hold class: package.Name and params"),
        ({"class": "math.sqrt", "params": {1: 2}}, "or hold class: package.Name and params"),
        ({"class": "math.pi"}, "me: key.class must be a callable, got 'math.pi'."),
        ({"class": "no_such.Name"}, "me: key.class must be importable as package.Name"),
        ({"class": 7}, "me: key.class must be importable as package.Name, got 7."),
        (
            {"class": "math.isclose", "params": {"near": 1}},
            "me: key.params must hold parameters of math.isclose, got 'near'.",
        ),
        (dict, "me: key must be one of absolute, root, or a callable, got <class 'dict'>."),
    ],
)
def test_what_is_refused(given, sentence):
    with pytest.raises(InputError) as caught:
        numbers().resolve(given, "key", owner="me")
    assert sentence in str(caught.value)
    assert caught.value.owner == "me"
    assert caught.value.key in ("key", "key.class", "key.params")


def test_an_error_carries_its_fields():
    with pytest.raises(InputError) as caught:
        import_object("math.nothing", owner="arms.a", key="class")
    error = caught.value
    assert (error.owner, error.key, error.value) == ("arms.a", "class", "math.nothing")
    assert str(error) == f"{error.owner}: {error.key} {error.rule}, got {error.value!r}."
