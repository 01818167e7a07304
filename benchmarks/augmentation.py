"""When do generated rows help a selection? Screen, registered contrasts, fresh confirmation.

    VAEGA_DATA=... python benchmarks/augmentation.py screen [--replicates 20] [--jobs 2]
    VAEGA_DATA=... python benchmarks/augmentation.py confirm [--replicates 100] [--jobs 2]
    VAEGA_DATA=... python benchmarks/augmentation.py votes [--replicates 40] [--jobs 2]
    VAEGA_DATA=... python benchmarks/augmentation.py external [--replicates 20] [--jobs 2]

A replicate draws training rows, and has two searches for 20 features with the same folds, first
masks and 600 masks asked for: one whose folds are real rows, and one whose folds are augmented.
Either mask gets a final model of the real rows and one of real and generated rows, all scored on
test rows that nothing has seen:

    selection     mask from augmented folds less mask from real folds, both on real rows
    final model   mask from real folds, on real and generated rows less on real rows
    both          mask from augmented folds, on both kinds of rows, less real on real

In the first two stages training rows of replicates are independent draws and test parts have 2,000
rows. ``confirm`` reads benchmarks/augmentation_contrasts.csv, which was written and committed
before; ``votes`` asks on fresh draws what five draws are worth where ten searches vote, as they do
by default on few rows. Runs are kept one by one under runs/augmentation: a stage that was stopped
goes on. Written to results/benchmarks: augmentation_STAGE.csv.gz, one line a search. Tables, figure
and page are made of these by benchmarks/augmentation_report.py.
"""

import argparse
import json
import os
import time
import warnings
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from vaega import (
    SMOTE,
    VAE,
    Bootstrap,
    ClassGaussian,
    ConditionalVAE,
    GenerativeSampler,
    GeneticSelector,
    ProbabilisticPCA,
    load_dataset,
    make_madelon,
)
from vaega.core.randomness import derive_rng, derive_seed
from vaega.data._preprocess import Preprocessor
from vaega.experiments.controls import REGULARISERS

RESULTS = Path(__file__).parents[1] / "results" / "benchmarks"
WORK = Path("runs/augmentation")
CONTRASTS = Path(__file__).with_name("augmentation_contrasts.csv")
SIZE = 20  # features of every mask
SEARCH = {"population_size": 30, "n_generations": 20, "n_searches": 1, "n_draws": 1}
VOTE = {"n_searches": 10, "consensus_size": SIZE}  # the defaults on few rows, at the fixed size
N_TEST = N_POOL = 2000
ROWS = (5, 10, 20, 50)  # a class
TEST_SHARE = 0.3
BALANCE = "balance"  # an amount: the rare class gets as many rows as the other has
CELL = ("classifier", "generator", "amount", "guide")
LDA_VALUES = ("shrinkage", (0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99), {})


class ShrunkLDA(ClassifierMixin, BaseEstimator):
    """scikit-learn's linear discriminant with solver "lsqr", in a fortieth of its time."""

    def __init__(self, shrinkage=0.5):
        self.shrinkage = shrinkage

    def fit(self, X, y):
        self.classes_, codes = np.unique(y, return_inverse=True)
        means = np.stack([X[codes == code].mean(axis=0) for code in range(len(self.classes_))])
        centred = X - means[codes]
        covariance = centred.T @ centred / len(X)
        scale = np.trace(covariance) / len(covariance)
        covariance *= 1.0 - self.shrinkage
        covariance.flat[:: len(covariance) + 1] += self.shrinkage * scale + 1e-12
        self.coef_ = np.linalg.solve(covariance, means.T).T
        shares = np.bincount(codes) / len(codes)
        self.intercept_ = np.log(shares) - 0.5 * (means * self.coef_).sum(axis=1)
        return self

    def predict(self, X):
        return self.classes_[np.argmax(X @ self.coef_.T + self.intercept_, axis=1)]


def hits(classifier, X, y):
    return float(np.mean(classifier.predict(X) == y))


CLASSIFIERS = {
    "naive Bayes": GaussianNB(),
    "shrunk LDA": ShrunkLDA(),
    "ridge": RidgeClassifier(),
    "3-NN": KNeighborsClassifier(3),
    "network 5-3": MLPClassifier((5, 3), activation="tanh", max_iter=3000),
}


# Generators --------------------------------------------------------------------------------------

GENERATIVE = {
    "class Gaussian": (ClassGaussian(), {}),
    "PPCA": (ProbabilisticPCA(), {}),
    "VAE": (VAE(), {}),
    "decoder means": (VAE(), {"noise": False}),
    "conditional VAE": (ConditionalVAE(), {}),
}
OF_MASK = " of the mask's columns"
DRAWS = ", five draws"
MODELS = "folder of fitted models"  # classifiers of a replicate share them
PARTITIONS = "five partitions"  # no rows: real folds of five partitions, as many fits as five draws


class FromElsewhere(BaseEstimator):
    """Adds rows that know more than the training rows: `source(X, n, rng)` makes those of a class.

    `source` is fitted before, on unlabelled rows, and is not cloned.
    """

    def __init__(self, source, n_per_class, random_state=None):
        self.source = source
        self.n_per_class = n_per_class
        self.random_state = random_state

    def __sklearn_clone__(self):
        return type(self)(self.source, self.n_per_class, self.random_state)

    def fit_resample(self, X, y):
        labels, rng = np.unique(y), np.random.default_rng(self.random_state)
        rows = [self.source(X[y == label], self.n_per_class, rng) for label in labels]
        return np.concatenate([X, *rows]), np.concatenate([y, np.repeat(labels, self.n_per_class)])


def around_means(pool):
    """A row is the mean of its class and what sets an unlabelled row apart from all of them."""
    residuals = pool - pool.mean(axis=0)

    def source(X, n, rng):
        return X.mean(axis=0) + residuals[rng.integers(len(residuals), size=n)]

    return source


def around_rows(pool, seed):
    """A row is drawn by a VAE of the unlabelled rows around a row of its class."""
    model = VAE(random_state=seed).fit(pool)

    def source(X, n, rng):
        return model.sample(n, source="rows", rows=X, random_state=int(rng.integers(2**31)))

    return source


def sampler_of(generator, n, seed, sources):
    """Return the sampler that adds `n` rows to each class; the rare class alone where n is None."""
    options = {"n_per_class": n, "random_state": seed}
    generator = generator.removesuffix(OF_MASK).removesuffix(DRAWS)
    if generator in sources:
        return FromElsewhere(sources[generator], n, seed)
    if generator in ("bootstrap", "SMOTE"):
        return (Bootstrap if generator == "bootstrap" else SMOTE)(**options)
    model, others = GENERATIVE[generator]
    return GenerativeSampler(model, cache=sources[MODELS], **options, **others)


# Data --------------------------------------------------------------------------------------------


@dataclass
class Drawn:
    """Rows of a replicate: smaller training parts are the first rows of each class of larger."""

    X: np.ndarray
    y: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    pool: np.ndarray | None = None  # unlabelled rows
    relevant: np.ndarray | None = None  # columns, where they are known

    def training(self, n, rare=1):
        """Return `n` rows of each class, or `rare` times as many of the first."""
        counts = {label: n * (rare if label == 0 else 1) for label in np.unique(self.y).tolist()}
        rows = [np.flatnonzero(self.y == label)[:count] for label, count in counts.items()]
        chosen = np.concatenate(rows)
        return self.X[chosen], self.y[chosen]


def gaussian_factors(n_features, n_informative, n, rng):
    """Rows with ten common factors; the mean of the informative columns depends on the class."""
    loadings = rng.normal(size=(10, n_features)) / np.sqrt(10.0)
    relevant, shifts = rng.permutation(n_features)[:n_informative], np.zeros(n_features)
    shifts[relevant] = 0.7 * rng.choice([-1.0, 1.0], size=n_informative)

    def rows(size):
        y = np.arange(size) % 2
        common = rng.normal(size=(size, 10)) @ loadings
        return common + rng.normal(size=(size, n_features)) + np.outer(y - 0.5, shifts), y

    (X, y), (X_test, y_test), (pool, _) = rows(n), rows(N_TEST), rows(N_POOL)
    return Drawn(X, y, X_test, y_test, pool, relevant)


def madelon(n, rng):
    data = make_madelon(n + N_POOL, n_test=N_TEST, random_state=int(rng.integers(2**31)))
    relevant = np.flatnonzero(data.relevant)
    return Drawn(data.X[:n], data.y[:n], data.X_test, data.y_test, data.X[n:], relevant)


def digits(rng):
    """Pixels from 0 to 1 of the digits 4 and 9; pool and test part are those of every replicate."""
    data = load_dataset("mnist49")
    order = np.random.default_rng(49).permutation(len(data.y))
    X, rest = data.X / 255.0, rng.permutation(order[N_POOL:])
    return Drawn(X[rest], data.y[rest], data.X_test / 255.0, data.y_test, X[order[:N_POOL]])


def microarray(name, place):
    """One of twenty stratified splits; clipped, logarithms, standardised by the training rows."""
    data = load_dataset(name).pooled()
    train, test = train_test_split(
        np.arange(len(data.y)), test_size=TEST_SHARE, stratify=data.y, random_state=place
    )
    scale = Preprocessor([{"clip": [20, 16000]}, "log2", "standardize"]).fit(data.X[train])
    X, X_test = scale.transform(data.X[train]), scale.transform(data.X[test])
    varies = np.ptp(X, axis=0) > 0
    return Drawn(X[:, varies], data.y[train], X_test[:, varies], data.y[test])


def draw(name, seed, replicate):
    rng, n = derive_rng(seed, name), 8 * max(ROWS)
    if name == "mnist49":
        return digits(rng)
    if name == "madelon":
        return madelon(n, rng)
    if name.startswith("planted"):
        n_features = int(name.split()[1].strip(","))
        return gaussian_factors(n_features, 20 if n_features < 1000 else 40, n, rng)
    return microarray(name, replicate)


# What is run --------------------------------------------------------------------------------------

QUICK = ("naive Bayes", "ridge", "3-NN")
SAMPLERS = ("bootstrap", "SMOTE", *GENERATIVE)
KNOW_MORE = ("VAE of unlabelled rows", "residuals of unlabelled rows")
FEW_REPLICATES = 10  # of what costs much
RARE = ", one class of five"
DATA = ("mnist49", "planted 200", "planted 2000", "madelon", "planted 200" + RARE)
EXTERNAL = ("leukemia", "all_leukemia_yeoh6", "gcm1363")


def screened(name, rows, replicate):
    """Return the cells of a replicate of the screen: (classifier, generator, amount, guide)."""
    if RARE in name:
        generators = ("bootstrap", "SMOTE", "class Gaussian", "VAE")
        return [(one, g, BALANCE, "none") for one in QUICK for g in generators if rows < 50]
    cells = []
    for one in QUICK:
        cells += [(one, generator, 5, "none") for generator in (*SAMPLERS, *KNOW_MORE)]
        cells += [(one, f"{g}{OF_MASK}", 5, "none") for g in ("class Gaussian", "VAE")]
        cells += [(one, g, 1, "none") for g in ("class Gaussian", "VAE")]
        cells += [(one, g, 5, "auto") for g in ("class Gaussian", "VAE")]
        if replicate < FEW_REPLICATES:
            cells += [(one, f"VAE{DRAWS}", 5, "none")]
    four = ("bootstrap", "class Gaussian", "PPCA", "VAE")
    cells += [("shrunk LDA", generator, 5, "none") for generator in four]
    if replicate < FEW_REPLICATES and rows in (5, 20):  # half a minute a search with more rows
        four = ("bootstrap", "class Gaussian", "VAE", "decoder means")
        cells += [("network 5-3", g, 5 if rows == 5 else 1, "none") for g in four]
    return cells


def external(name, rows, replicate):
    generators = ("bootstrap", "class Gaussian", "VAE", "decoder means")
    few = ("naive Bayes", "ridge", "3-NN", "shrunk LDA")
    return [(one, generator, 5, "none") for one in few for generator in generators]


def contrasts():
    return pd.read_csv(CONTRASTS, comment="#", keep_default_na=False)


def registered(name, rows, replicate):
    """Return the cells of the registered contrasts, and of what they are compared with."""
    table = contrasts()
    own = table[table["rows"] == rows]
    compared = own[own["less"] != ""].assign(generator=own["less"])
    cells = pd.concat([own, compared])[list(CELL)].drop_duplicates()
    return list(cells.itertuples(index=False, name=None))


def voted(name, rows, replicate):
    generators = ("VAE", f"VAE{DRAWS}", "bootstrap")
    return [(one, g, 5, "none") for one in ("ridge", "naive Bayes") for g in generators]


STAGES = {
    "screen": (screened, DATA, 20),
    "confirm": (registered, DATA[:4], 100),
    "votes": (voted, ("mnist49", "planted 200"), 40),
    "external": (external, EXTERNAL, 20),
}


# One replicate ------------------------------------------------------------------------------------


def n_added(amount, rows):
    return None if amount == BALANCE else int(amount) * rows


class Part:
    """One training part of a replicate: searches and final models on it."""

    def __init__(self, drawn, name, rows, seed, sources, *, voting=False):
        self.drawn, self.sources, self.rows, self.voting = drawn, sources, rows, voting
        self.rare = RARE in name
        if rows:
            self.X, self.y = drawn.training(rows, 4 if self.rare else 1)
        else:
            self.X, self.y = drawn.X, drawn.y
            self.rows = len(self.y) // len(np.unique(self.y))
        self.seed = derive_seed(seed, name, rows)
        self.splits = self.partition(self.seed)

    def partition(self, seed):
        folds = StratifiedKFold(3, shuffle=True, random_state=seed % 2**32)
        return list(folds.split(self.X, self.y))

    def folds(self, generator):
        if generator == PARTITIONS:
            others = [self.partition(derive_seed(self.seed, "partition", k)) for k in range(4)]
            return sum(others, self.splits)
        return self.splits * 5 if generator.endswith(DRAWS) else self.splits

    def search(self, classifier, generator, amount, guide):
        sampler = None
        if generator not in ("none", PARTITIONS):
            sampler = sampler_of(generator, n_added(amount, self.rows), None, self.sources)
        own = isinstance(CLASSIFIERS[classifier], ShrunkLDA)
        common = {
            "sampler": sampler,
            "scoring": hits if own else "balanced_accuracy" if self.rare else "accuracy",
            "guide": guide,
            "random_state": self.seed,
        }
        if self.voting:
            draws = 5 if generator.endswith(DRAWS) else 1
            settings = common | VOTE | {"cv": 3, "n_draws": draws}
        else:
            bounds = {"min_features": SIZE, "max_features": SIZE, "crossover": "size_preserving"}
            settings = common | SEARCH | bounds | {"cv": self.folds(generator)}
        return GeneticSelector(CLASSIFIERS[classifier], **settings).fit(self.X, self.y)

    @cached_property
    def _augmented(self):
        return {}

    def augmented(self, generator, amount, draw=0, columns=None):
        """Return real and generated rows for a final model."""
        key = (generator, amount, draw, None if columns is None else columns.tobytes())
        if key not in self._augmented:
            X = self.X if columns is None else self.X[:, columns]
            seed = derive_seed(self.seed, "final", draw)
            sampler = sampler_of(generator, n_added(amount, self.rows), seed, self.sources)
            self._augmented[key] = sampler.fit_resample(X, self.y)
        return self._augmented[key]

    def score(self, classifier, support, X, y):
        X_test = self.drawn.X_test[:, support]
        predicted = self.fitted(classifier, X, y).predict(X_test)
        return balanced_accuracy_score(self.drawn.y_test, predicted)

    def fitted(self, classifier, X, y):
        model = clone(CLASSIFIERS[classifier])
        if "random_state" in model.get_params():
            model.set_params(random_state=self.seed % 2**32)
        return model.fit(X, y)

    def on_real(self, classifier, support):
        return self.score(classifier, support, self.X[:, support], self.y)

    def on_both(self, classifier, support, generator, amount):
        if generator == PARTITIONS:
            return self.on_real(classifier, support)
        if generator.endswith(OF_MASK):
            X, y = self.augmented(generator, amount, columns=support)
            return self.score(classifier, support, X, y)
        if not generator.endswith(DRAWS):
            X, y = self.augmented(generator, amount)
            return self.score(classifier, support, X[:, support], y)
        votes = 0.0
        for place in range(5):  # of two classes, 0 and 1
            X, y = self.augmented(generator, amount, place)
            votes += self.fitted(classifier, X[:, support], y).predict(
                self.drawn.X_test[:, support]
            )
        return balanced_accuracy_score(self.drawn.y_test, votes > 2.5)

    def regularised(self, classifier, support):
        """Score the classifier whose own regulariser is tuned on the real training rows."""
        model = CLASSIFIERS[classifier]
        name, values, _ = REGULARISERS.get(type(model).__name__, LDA_VALUES)
        tuned = GridSearchCV(model, {name: values}, cv=self.splits, scoring="balanced_accuracy")
        tuned.fit(self.X[:, support], self.y)
        predicted = tuned.predict(self.drawn.X_test[:, support])
        return balanced_accuracy_score(self.drawn.y_test, predicted)


def records_of(part, cells):
    """Search and score the cells of a part; the search on real rows is one a classifier."""
    of_real, relevant = {}, part.drawn.relevant

    def record(classifier, generator, amount, guide, selector):
        support = selector.get_support(indices=True)
        found = None if relevant is None else float(np.isin(support, relevant).mean())
        return {
            **dict(zip(CELL, (classifier, generator, amount, guide), strict=True)),
            "inner": selector.best_score_,
            "mask_real": part.on_real(classifier, support),
            "precision": found,
            "selected": " ".join(map(str, support)),
        }

    for classifier, generator, amount, guide in cells:
        if (classifier, guide) not in of_real:
            selector = part.search(classifier, "none", 0, guide)
            support = selector.get_support(indices=True)
            of_real[classifier, guide] = support
            plain = record(classifier, "none", 0, guide, selector)
            yield plain | {"regularised": part.regularised(classifier, support)}
        support = of_real[classifier, guide]
        own = {}
        if not generator.endswith(OF_MASK):  # a search has no mask to begin with
            selector = part.search(classifier, generator, amount, guide)
            own = record(classifier, generator, amount, guide, selector)
            mask = selector.get_support(indices=True)
            own["mask_both"] = part.on_both(classifier, mask, generator, amount)
        yield (
            dict(zip(CELL, (classifier, generator, amount, guide), strict=True))
            | own
            | {"real_mask_both": part.on_both(classifier, support, generator, amount)}
        )


def replicate(stage, name, number, rows_of_parts, folder):
    """Run one replicate of a data set; return its records."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("ignore")
    seed = derive_seed(0, stage, number)
    drawn, records = draw(name, seed, number), []
    sources = {MODELS: folder}
    for rows in rows_of_parts:
        cells = STAGES[stage][0](name, rows, number)
        asked = {cell[1] for cell in cells}
        if asked & set(KNOW_MORE) and len(sources) == 1:
            makers = (partial(around_rows, drawn.pool, seed), partial(around_means, drawn.pool))
            sources |= {key: make() for key, make in zip(KNOW_MORE, makers, strict=True)}
        part = Part(drawn, name, rows, seed, sources, voting=stage == "votes")
        records += [
            {"data": name, "rows": rows, "replicate": number} | record
            for record in records_of(part, cells)
        ]
    return records


def units(stage, n_replicates, names):
    """Yield what is kept as one file: (data, replicate, rows a class of its parts)."""
    for number in range(n_replicates):
        for name in names:
            rows = ROWS if stage == "screen" else (0,)
            if stage == "votes":
                rows = (20,)
            if stage == "confirm":
                rows = tuple(sorted(contrasts()["rows"].unique().tolist()))
            yield name, number, rows


def run_unit(stage, name, number, rows, path):
    started = time.perf_counter()
    with TemporaryDirectory() as folder:
        lines = replicate(stage, name, number, rows, folder)
    temporary = path.with_suffix(".part")
    temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))
    temporary.replace(path)
    print(f"{name}, replicate {number}: {time.perf_counter() - started:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stage", choices=list(STAGES))
    parser.add_argument("--replicates", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--data", nargs="*")
    options = parser.parse_args()
    _, names, most = STAGES[options.stage]
    names = options.data or names
    folder = WORK / options.stage
    folder.mkdir(parents=True, exist_ok=True)
    todo, paths = [], []
    for name, number, rows in units(options.stage, options.replicates or most, names):
        path = folder / f"{name.replace(' ', '_').replace(',', '')}-{number:03d}.jsonl"
        paths.append(path)
        if not path.exists():
            todo.append(delayed(run_unit)(options.stage, name, number, rows, path))
    Parallel(n_jobs=options.jobs, backend="multiprocessing")(todo)  # this is no module to import
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    target = RESULTS / f"augmentation_{options.stage}.csv.gz"
    pd.DataFrame(lines).round(4).to_csv(target, index=False)
    print(f"{len(lines)} searches and final models in {target}")


if __name__ == "__main__":
    main()
