"""What a package offers is documented in full: every parameter, what comes back, an example."""

import inspect
import re
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module

import pytest

PACKAGES = (
    "vaega",
    "vaega.data",
    "vaega.evolution",
    "vaega.evolution.algorithms",
    "vaega.evolution.operators",
    "vaega.experiments",
    "vaega.fitness",
    "vaega.generative",
    "vaega.generative.quality",
    "vaega.report",
    "vaega.selection",
)


def public_objects():
    """Classes and functions of all packages by the first name that offers them."""
    names = {}
    for package in PACKAGES:
        module = import_module(package)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isroutine(value)) and value not in names:
                names[value] = f"{package}.{name}"
    return {name: value for value, name in names.items()}


OBJECTS = public_objects()


@cache
def sections(docstring):
    """Section titles with their text."""
    parts = re.split(r"^([A-Z][A-Za-z ]+)\n-{3,}\n", docstring, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def described(docstring):
    """Names that have a description, there or where it says "those of `Name`"."""
    names, titles = set(), ("Parameters", "Attributes", "Other Parameters")
    for other in re.findall(r"(?:those|that)\s+of\s+`(\w+)`", docstring):
        names |= next(
            (
                described(inspect.getdoc(value))
                for name, value in OBJECTS.items()
                if name.endswith(f".{other}")
            ),
            set(),
        )
    for text in (sections(docstring).get(title, "") for title in titles):
        for line in re.findall(r"^(\*{0,2}\w[\w, *]*?)(?: :.*)?$", text, flags=re.MULTILINE):
            names |= {name.strip().lstrip("*") for name in line.split(",")}
    return names


def described_fields(value):
    """Fields that say themselves what they are."""
    specs = fields(value) if is_dataclass(value) else ()
    return {spec.name for spec in specs if spec.metadata.get("about")}


def parameters(function):
    names = list(inspect.signature(function).parameters)
    return [name for name in names if name not in ("self", "cls") and not name.startswith("_")]


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_every_parameter_is_described(name):
    value = OBJECTS[name]
    if inspect.isclass(value) and issubclass(value, Exception):
        return  # it is met, not made
    known = described(inspect.getdoc(value)) | described_fields(value)
    assert not [name for name in parameters(value) if name not in known]


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_what_comes_back_is_described(name):
    value = OBJECTS[name]
    if inspect.isclass(value):
        return
    returns = inspect.signature(value).return_annotation
    if returns not in (None, "None", inspect.Signature.empty):
        assert {"Returns", "Yields"} & set(sections(inspect.getdoc(value)))


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_there_is_an_example(name):
    value = OBJECTS[name]
    is_made = hasattr(value, "get_params") or hasattr(value, "ask")  # an estimator, an algorithm
    is_result = is_dataclass(value) and not is_made
    if inspect.isclass(value) and (issubclass(value, Exception) or is_result):
        return  # what a user meets or gets, and does not make
    assert ">>> " in sections(inspect.getdoc(value)).get("Examples", "")


@pytest.mark.parametrize(
    "name", sorted(n for n, value in OBJECTS.items() if inspect.isclass(value))
)
def test_public_methods_say_what_they_do(name):
    for attribute, value in vars(OBJECTS[name]).items():
        if not attribute.startswith("_") and inspect.isfunction(value):
            assert inspect.getdoc(value), attribute
