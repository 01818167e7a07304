"""Compiled kernels: plain loops for numba, and one matrix product that keeps its sums in registers.

All of them release the GIL, compute one mask a thread, and sum in an order that depends on nothing
but the mask, so that neither threads nor chunks change a bit.
"""
