"""How kernels are compiled: once, to a file; without the GIL; with the rules of IEEE arithmetic."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function with numba when it is first called."""
    cached = Path(function.__code__.co_filename).is_file()  # one typed by hand has none
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(Function, njit(cache=cached, **options)(function))
    except RuntimeError:  # no folder that may be written to: compiled once a process then
        return cast(Function, njit(**options)(function))


def part(function: Function) -> Function:
    """Mark a function as a part of the kernels that call it: its body takes the call's place."""
    without_counts: Any = {"_nrt": False}
    compiled = njit(forceinline=True, nogil=True, error_model="numpy", **without_counts)(function)
    return cast(Function, compiled)
