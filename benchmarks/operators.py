"""The operators on boolean arrays beside DEAP's own on lists, at 16,063 features, as JSON lines.

    python benchmarks/operators.py

Claim: at least 20 times as fast wherever DEAP works gene by gene. A line with a note claims nothing
and says why; operators without a counterpart stand beside their nearest relative. Median of nine
repeats in which ours and DEAP's take turns.
"""

import json
import random
import statistics
import time
from functools import partial

import numpy as np
from deap import tools

from vaega import operators
from vaega.evolution._evolution import MaskFitness

N_FEATURES = 16_063
N_INDIVIDUALS = 100
SIZE = 20  # features of a sparse mask; dense ones select 5 %
FRACTION = 0.05
REPEATS = 9
SECONDS = 0.01
CLAIM = 20
SLICES = "DEAP swaps slices too, at the speed of memory"
WEIGHTED = "draws by weight without replacement, which DEAP has not"
NO_GENES = "selection reads scores and no genes"


class Scored:
    """What selection sees of an individual."""

    def __init__(self, score):
        self.fitness = MaskFitness((score,))


def per_call(function, n_calls):
    started = time.perf_counter()
    for _ in range(n_calls):
        function()
    return (time.perf_counter() - started) / n_calls


def compare(operator, counterpart, ours, theirs, note=None):
    calls = [max(1, int(SECONDS / per_call(function, 3))) for function in (ours, theirs)]
    pairs = [(per_call(ours, calls[0]), per_call(theirs, calls[1])) for _ in range(REPEATS)]
    ratio = statistics.median(slow / fast for fast, slow in pairs)
    record = {
        "operator": operator,
        "deap": counterpart,
        "vaega_us": round(1e6 * statistics.median(fast for fast, _ in pairs), 1),
        "deap_us": round(1e6 * statistics.median(slow for _, slow in pairs), 1),
        "ratio": round(ratio, 1),
        **({"claim_holds": ratio >= CLAIM} if note is None else {"note": note}),
    }
    print(json.dumps(record), flush=True)


def crossovers(rng):
    a, b = (operators.init_bernoulli(N_FEATURES, fraction=FRACTION, rng=rng) for _ in range(2))
    x, y = a.tolist(), b.tolist()
    for operator, counterpart, settings, note in [
        (operators.crossover_one_point, tools.cxOnePoint, {}, None),
        (operators.crossover_two_point, tools.cxTwoPoint, {}, SLICES),
        (operators.crossover_uniform, tools.cxUniform, {"indpb": 0.5}, None),
        (operators.crossover_half_uniform, tools.cxUniform, {"indpb": 0.5}, None),
        (operators.crossover_size_preserving, tools.cxUniform, {"indpb": 0.5}, None),
    ]:
        ours, theirs = partial(operator, a, b, rng=rng), partial(counterpart, x, y, **settings)
        compare(operator.__name__, counterpart.__name__, ours, theirs, note)


def mutations(rng):
    weights = rng.gamma(1.0, size=N_FEATURES)
    guided = {"flip_probability": 0.1, "weights": weights}
    dense = int(FRACTION * N_FEATURES)
    for operator, size, settings, chance, note in [
        (operators.mutate_bitflip, SIZE, {"flip_probability": 1 / N_FEATURES}, None, None),
        (operators.mutate_bitflip, SIZE, {"flip_probability": 0.1}, None, None),
        (operators.mutate_balanced_flip, SIZE, {"flip_probability": 0.1}, 1e-4, None),
        (operators.mutate_balanced_flip, dense, {"flip_probability": 0.1}, 0.005, None),
        (operators.mutate_swap, SIZE, {"n_swaps": 1}, 1e-4, None),
        (operators.mutate_filter_guided, SIZE, guided, 1e-4, WEIGHTED),
        (operators.mutate_filter_guided, dense, guided, 0.005, WEIGHTED),
    ]:
        start = operators.init_fixed_size(N_FEATURES, size=size, rng=rng)
        genes, mask = start.tolist(), np.empty_like(start)

        def ours(operator=operator, settings=settings, start=start, mask=mask):
            mask[:] = start  # random walks would wander off; the copy counts against us
            operator(mask, rng=rng, **settings)

        indpb = settings["flip_probability"] if chance is None else chance
        label = ", ".join(f"{k}={v:.3g}" for k, v in settings.items() if k != "weights")
        theirs = partial(tools.mutFlipBit, genes, indpb)
        compare(f"{operator.__name__}({label}) of {size}", "mutFlipBit", ours, theirs, note)


def initialisations(rng):
    weights = rng.gamma(1.0, size=N_FEATURES)
    dense = int(FRACTION * N_FEATURES)
    for operator, settings, note in [
        (operators.init_bernoulli, {"fraction": 0.5}, None),
        (operators.init_bernoulli, {"fraction": FRACTION}, None),
        (operators.init_fixed_size, {"size": SIZE}, None),
        (operators.init_fixed_size, {"size": dense}, None),
        (operators.init_filter_guided, {"size": SIZE, "weights": weights}, WEIGHTED),
        (operators.init_filter_guided, {"size": dense, "weights": weights}, WEIGHTED),
    ]:
        fraction = settings.get("fraction", settings.get("size", 0) / N_FEATURES)
        gene = partial(lambda fraction: random.random() < fraction, fraction)
        label = ", ".join(f"{k}={v}" for k, v in settings.items() if k != "weights")
        ours = partial(operator, N_FEATURES, rng=rng, **settings)
        theirs = partial(tools.initRepeat, list, gene, N_FEATURES)
        compare(f"{operator.__name__}({label})", "initRepeat", ours, theirs, note)


def selections(rng):
    scores = rng.random(N_INDIVIDUALS).tolist()
    population = [Scored(score) for score in scores]
    for operator, counterpart, ours, theirs in [
        (
            operators.select_tournament,
            tools.selTournament,
            {"tournament_size": 5},
            {"tournsize": 5},
        ),
        (operators.select_roulette, tools.selRoulette, {}, {}),
        (
            operators.select_stochastic_universal,
            tools.selStochasticUniversalSampling,
            {},
            {},
        ),
    ]:
        compare(
            operator.__name__,
            counterpart.__name__,
            partial(operator, population, N_INDIVIDUALS, rng=rng, **ours),
            partial(counterpart, population, N_INDIVIDUALS, **theirs),
            NO_GENES,
        )


def main():
    random.seed(0)
    rng = np.random.default_rng(0)
    for measure in (crossovers, mutations, initialisations, selections):
        measure(rng)


if __name__ == "__main__":
    main()
