"""How kernels are compiled: once, to a file; without the GIL; with the rules of IEEE arithmetic."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """Compile a function with numba when it is first called.

    Parameters
    ----------
    function : callable
        Within what numba compiles.

    Returns
    -------
    callable

    Notes
    -----
    No ``fastmath``: a compiler that may reorder sums may do so differently for another length, and
    results would depend on the machine's vector width.

    Examples
    --------
    >>> @kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(4)
    8
    """
    cached = Path(function.__code__.co_filename).is_file()  # one typed by hand has none
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return cast(Function, njit(cache=cached, **options)(function))
    except RuntimeError:  # no folder that may be written to: compiled once a process then
        return cast(Function, njit(**options)(function))


def part(function: Function) -> Function:
    """Mark a function as a part of the kernels that call it: its body takes the call's place.

    Parameters
    ----------
    function : callable
        Within what numba compiles; it makes no arrays, and no views of arrays.

    Returns
    -------
    callable

    Notes
    -----
    For steps of a hot loop that are given many arrays: counting the references to these takes
    longer than a short step, so that here none is counted. Their caller holds them.

    Examples
    --------
    >>> @part
    ... def double(x):
    ...     return 2 * x
    >>> kernel(lambda x: double(x) + 1)(4)
    9
    """
    without_counts: Any = {"_nrt": False}
    compiled = njit(forceinline=True, nogil=True, error_model="numpy", **without_counts)(function)
    return cast(Function, compiled)
