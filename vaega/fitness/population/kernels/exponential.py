"""The exponential function of many numbers at once, in code that a compiler can vectorise."""

import numpy as np

from vaega.fitness.population.kernels.compiled import kernel

_PER_LOG2 = 1.4426950408889634
# ln 2 in two parts: the first has so few bits that its product with a whole number is exact.
_LOG2_HIGH, _LOG2_LOW = 0.693145751953125, 1.4286068203094172e-06
_LOWEST, _HIGHEST = -708.0, 709.0
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: adding it rounds to a whole number
_EXPONENT_BIAS, _MANTISSA_BITS = 1023, 52


@kernel
def exponentiate(out, scale, x, n):  # type: ignore[no-untyped-def]
    """Compute ``out[:n] = exp(x[:n])``, from within a kernel or from Python."""
    bits = scale.view(np.int64)
    for i in range(n):
        held = min(max(x[i], _LOWEST), _HIGHEST)
        k = (held * _PER_LOG2 + _ROUNDER) - _ROUNDER
        r = (held - k * _LOG2_HIGH) - k * _LOG2_LOW
        total = 1.0 / 6227020800.0
        total = total * r + 1.0 / 479001600.0
        total = total * r + 1.0 / 39916800.0
        total = total * r + 1.0 / 3628800.0
        total = total * r + 1.0 / 362880.0
        total = total * r + 1.0 / 40320.0
        total = total * r + 1.0 / 5040.0
        total = total * r + 1.0 / 720.0
        total = total * r + 1.0 / 120.0
        total = total * r + 1.0 / 24.0
        total = total * r + 1.0 / 6.0
        total = total * r + 0.5
        total = total * r + 1.0
        total = total * r + 1.0
        bits[i] = (np.int64(k) + _EXPONENT_BIAS) << _MANTISSA_BITS
        out[i] = total
    for i in range(n):
        out[i] *= scale[i]
