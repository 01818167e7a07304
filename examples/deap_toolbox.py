"""Select features with DEAP and vaega's operators: in DEAP's own loop, then in a loop by hand.

    python examples/deap_toolbox.py

The data are scikit-learn's breast cancer measurements with columns of noise beside them. A third of
the rows is put away before anything is looked at and used once, at the end. vaega is only asked for
its individual and its operators; nothing here imports torch.
"""

import random

import numpy as np
from deap import algorithms, base, tools
from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import f_classif
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.naive_bayes import GaussianNB

from vaega import operators
from vaega.evolution import Individual

N_NOISE = 70
POPULATION = 30
GENERATIONS = 8
MAX_FEATURES = 12
CROSSOVER_PROBABILITY = 0.75


def load_rows(seed=0):
    rng = np.random.default_rng(seed)
    X, y = load_breast_cancer(return_X_y=True)
    X = np.hstack([X, rng.normal(size=(len(X), N_NOISE))])
    return train_test_split(X, y, test_size=1 / 3, stratify=y, random_state=seed)


def build_toolbox(X, y, rng):
    """Register vaega's operators under DEAP's names; `X` and `y` are the fit rows alone."""
    n_features = X.shape[1]
    weights = f_classif(X, y)[0] + 1.0  # any filter does; plus a little, so that all have a chance
    bounds = operators.keep_bounds(max_features=MAX_FEATURES, rng=rng)

    def evaluate(mask):
        # A penalty of one thousandth a feature: of two masks as accurate the smaller one wins.
        accuracy = cross_val_score(GaussianNB(), X[:, mask], y, cv=3).mean()
        return (accuracy - 0.001 * mask.sum(),)

    def new_individual():
        first = operators.init_filter_guided(n_features, weights=weights, size=8, rng=rng)
        return Individual(first)

    toolbox = base.Toolbox()
    toolbox.register("individual", new_individual)
    toolbox.register("population", tools.initRepeat, list, toolbox.individual)
    toolbox.register("evaluate", evaluate)
    toolbox.register("select", operators.select_tournament, tournament_size=3, rng=rng)
    toolbox.register("mate", operators.crossover_uniform, rng=rng)
    toolbox.register("mutate", operators.mutate_balanced_flip, flip_probability=0.1, rng=rng)
    for operator in ("mate", "mutate"):
        toolbox.decorate(operator, bounds)  # the bounds hold after every crossover and mutation
    return toolbox


def run_in_deaps_loop(toolbox, seed):
    """Let DEAP do the work.

    Its loops decide with the global `random` whom to mate and to mutate, so that such a run can
    only be repeated after ``random.seed``, whatever generator the operators have.
    """
    random.seed(seed)
    best = tools.HallOfFame(1)
    algorithms.eaSimple(
        toolbox.population(n=POPULATION),
        toolbox,
        cxpb=CROSSOVER_PROBABILITY,
        mutpb=1.0,
        ngen=GENERATIONS,
        halloffame=best,
        verbose=False,
    )
    return best[0]


def run_by_hand(toolbox, rng):
    """Do the same step by step; one generator decides everything, so one seed repeats it all."""
    population = score(toolbox, toolbox.population(n=POPULATION))
    for _ in range(GENERATIONS):
        best = max(population, key=fitness_of)
        children = [toolbox.clone(parent) for parent in toolbox.select(population, POPULATION)]
        for first, second in zip(children[::2], children[1::2], strict=True):
            if rng.random() < CROSSOVER_PROBABILITY:
                toolbox.mate(first, second)
        for child in children:
            toolbox.mutate(child)
            del child.fitness.values  # it belonged to the parent
        population = score(toolbox, [best, *children[1:]])
    return max(population, key=fitness_of)


def score(toolbox, population):
    for individual in population:
        if not individual.fitness.valid:
            individual.fitness.values = toolbox.evaluate(individual)
    return population


def fitness_of(individual):
    return individual.fitness.values[0]


def report(name, mask, X_fit, X_held, y_fit, y_held):
    mask = np.asarray(mask)
    accuracy = GaussianNB().fit(X_fit[:, mask], y_fit).score(X_held[:, mask], y_held)
    n_noise = int(mask[-N_NOISE:].sum())
    print(f"{name:12} {mask.sum():3d} features ({n_noise} noise), held-out accuracy {accuracy:.3f}")


def main():
    rows = load_rows()
    X_fit, _, y_fit, _ = rows
    everything = np.ones(X_fit.shape[1], dtype=bool)
    report("all", everything, *rows)
    toolbox = build_toolbox(X_fit, y_fit, np.random.default_rng(0))
    report("DEAP's loop", run_in_deaps_loop(toolbox, seed=0), *rows)
    found = []
    for _ in range(2):
        rng = np.random.default_rng(0)
        found.append(run_by_hand(build_toolbox(X_fit, y_fit, rng), rng))
    report("by hand", found[0], *rows)
    print("by hand again, the same mask:", np.array_equal(*found))


if __name__ == "__main__":
    main()
