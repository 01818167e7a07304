"""exp, log, tanh and the logistic function for kernels: float32 ones that LLVM can vectorise.

Calls into the system's mathematics library are one element a call, and their last bit differs from
system to system. In float32 these are polynomials of a few operations, exact to about 1e-7 of the
result (of 1 for the two sigmoids), and the same on every machine; in float64, where kernels are
checked and not raced, they are the library's.
"""

import math
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

# exp(r) on |r| <= log(2) / 2: Taylor's coefficients, 1 / k!, from the sixth power down.
_EXP = tuple(np.float32(1.0 / math.factorial(k)) for k in range(7, -1, -1))
# log(m) = 2 atanh(s) with s = (m - 1) / (m + 1) on [sqrt(1/2), sqrt(2)], where |s| < 0.172.
_LOG = tuple(np.float32(2.0 / k) for k in (9, 7, 5, 3, 1))
_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693359375)  # 9 bits, so that its products with exponents are exact
_LN2_LOW = np.float32(math.log(2.0) - 0.693359375)
_LOWEST, _HIGHEST = np.float32(-87.0), np.float32(88.0)
_SQRT_HALF_BITS = 0x3F3504F3
_ONE, _TWO = np.float32(1.0), np.float32(2.0)


def _reinterpret(kind: Any, to_kind: Any, code: ir.Type) -> Any:
    @intrinsic
    def reinterpret(context, value):  # type: ignore[no-untyped-def]
        def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
            return builder.bitcast(arguments[0], code)

        return to_kind(kind), generate

    return reinterpret


_to_bits = _reinterpret(types.float32, types.int32, ir.IntType(32))
_from_bits = _reinterpret(types.int32, types.float32, ir.FloatType())


def exponential(x: float) -> float:
    """Return e to the power of `x`."""
    return math.exp(x)


def logarithm(x: float) -> float:
    """Return the natural logarithm of `x`."""
    return math.log(x)


def hyperbolic_tangent(x: float) -> float:
    """Return tanh of `x`."""
    return math.tanh(x)


def logistic(x: float) -> float:
    """Return 1 / (1 + e^-x)."""
    return 1.0 / (1.0 + math.exp(-x))


@overload(exponential)
def _exponential(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.exp(x)  # noqa: PLW0108 (numba wants the same signature)

    def short(x):  # type: ignore[no-untyped-def]
        x = min(max(x, _LOWEST), _HIGHEST)
        power = np.rint(x * _LOG2_E)
        r = x - power * _LN2_HIGH - power * _LN2_LOW
        y = _EXP[0]
        y = y * r + _EXP[1]
        y = y * r + _EXP[2]
        y = y * r + _EXP[3]
        y = y * r + _EXP[4]
        y = y * r + _EXP[5]
        y = y * r + _EXP[6]
        y = y * r + _EXP[7]
        return y * _from_bits(np.int32((np.int32(power) + np.int32(127)) << np.int32(23)))

    return short


@overload(logarithm)
def _logarithm(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.log(x)  # noqa: PLW0108 (numba wants the same signature)

    def short(x):  # type: ignore[no-untyped-def]
        bits = np.int32(_to_bits(x) - np.int32(_SQRT_HALF_BITS))
        power = np.int32(bits >> np.int32(23))
        m = _from_bits(np.int32(_to_bits(x) - np.int32(power << np.int32(23))))
        s = (m - _ONE) / (m + _ONE)
        square = s * s
        y = _LOG[0]
        y = y * square + _LOG[1]
        y = y * square + _LOG[2]
        y = y * square + _LOG[3]
        y = y * square + _LOG[4]
        high = np.float32(power)
        return high * _LN2_HIGH + (y * s + high * _LN2_LOW)

    return short


@overload(hyperbolic_tangent)
def _hyperbolic_tangent(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: math.tanh(x)  # noqa: PLW0108 (numba wants the same signature)
    return lambda x: _ONE - _TWO / (_ONE + exponential(_TWO * x))


@overload(logistic)
def _logistic(x):  # type: ignore[no-untyped-def]
    if x != types.float32:
        return lambda x: 1.0 / (1.0 + math.exp(-x))
    return lambda x: _ONE / (_ONE + exponential(-x))
