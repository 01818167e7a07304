"""Cache keys: a text of an object that is the same in every process, if the object is."""

import sys
from functools import lru_cache, partial
from pathlib import Path
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np

from vaega.core.files import fingerprint

# Their versions enter the digest of a fitness, so their code needs no text of its own.
_VERSIONED = ("builtins", "functools", "numpy", "scipy", "sklearn", "vaega")


def cache_key(value: Any) -> str | None:
    """Return a text that two objects share only if they compute the same.

    None where nothing can be promised: an object that could differ while it looks the same, a
    function without a name of its own, a class whose source is not to be found.
    """
    try:
        return _text(value)
    except _NoKeyError:
        return None


class _NoKeyError(Exception):
    pass


def _text(value: Any) -> str:
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return f"{kind.__name__} {value!r}"
    if isinstance(value, np.generic | np.ndarray):
        return _array(np.asarray(value))
    if kind in (list, tuple, set, frozenset, dict):
        return f"{kind.__name__} {_container(value)}"
    if isinstance(value, type | FunctionType | BuiltinFunctionType | np.ufunc):
        return _code(value)
    return f"{_code(kind)} {_container(_content(value))}"


def _container(value: Any) -> str:
    if isinstance(value, dict):
        # In its order: that of a pipeline's weights, say, may matter.
        return f"{{{', '.join(f'{_text(key)}: {_text(item)}' for key, item in value.items())}}}"
    texts = [_text(item) for item in value]
    return f"[{', '.join(sorted(texts) if isinstance(value, set | frozenset) else texts)}]"


def _array(array: np.ndarray) -> str:
    if array.dtype.hasobject:
        raise _NoKeyError
    return f"array {fingerprint(array)}"


def _content(value: Any) -> dict[str, Any]:
    if isinstance(value, partial):
        return {"func": value.func, "args": value.args, "keywords": value.keywords}
    if hasattr(value, "get_params"):
        return dict(sorted(value.get_params(deep=False).items()))
    if type(value).__module__.startswith("sklearn.metrics"):  # scorers: function, sign and keywords
        content = dict(sorted(vars(value).items()))
        content.pop("_metadata_request", None)
        return content
    raise _NoKeyError


def _code(thing: Any) -> str:
    name = getattr(thing, "__qualname__", getattr(thing, "__name__", ""))
    module = getattr(thing, "__module__", None) or ("numpy" if isinstance(thing, np.ufunc) else "")
    if not module or "<" in name or getattr(thing, "__self__", None) is not None:
        raise _NoKeyError
    package = module.split(".")[0]
    if package not in _VERSIONED and _named(module, name) is not thing:
        raise _NoKeyError  # something else goes by this name
    source = "" if package in _VERSIONED else f" {_version(package)} {_source(module)}"
    return f"{module}.{name}{source}"


def _named(module: str, name: str) -> Any:
    value: Any = sys.modules.get(module)
    for part in name.split("."):
        value = getattr(value, part, None)
    return value


def _version(package: str) -> str:
    return str(getattr(sys.modules.get(package), "__version__", ""))


def _source(module: str) -> str:
    path = getattr(sys.modules.get(module), "__file__", None)
    if path is None:
        raise _NoKeyError
    return _file_digest(path)


@lru_cache(maxsize=64)
def _file_digest(path: str) -> str:
    try:
        return fingerprint(np.frombuffer(Path(path).read_bytes(), dtype=np.uint8))
    except OSError as error:
        raise _NoKeyError from error
