"""What the names of a configuration are called in a paper, with the sources they are cited by.

Every name of a registry has its words here. A source stands behind them as pandoc writes it,
``[@key]``; the keys are those of ``references.bib``.
"""

from collections.abc import Mapping
from typing import Any

from vaega.data._steps import step_name

CLASSIFIERS = {
    "decision_tree": "a decision tree [@breiman1984]",
    "extra_trees": "extremely randomised trees [@geurts2006]",
    "gaussian_nb": "Gaussian naive Bayes",
    "gradient_boosting": "gradient boosting of trees [@friedman2001]",
    "knn": "k nearest neighbours [@cover1967]",
    "lda": "linear discriminant analysis [@fisher1936]",
    "linear_svc": "a linear support vector machine [@cortes1995; @fan2008]",
    "logistic": "logistic regression [@cox1958]",
    "mlp": "a multilayer perceptron [@rumelhart1986]",
    "nearest_centroid": "the nearest centroid",
    "qda": "quadratic discriminant analysis",
    "random_forest": "a random forest [@breiman2001]",
    "ridge": "a ridge classifier [@hoerl1970]",
    "svc": "a support vector machine [@cortes1995; @chang2011]",
}
METRICS = {
    "accuracy": "the accuracy",
    "balanced_accuracy": "the balanced accuracy [@brodersen2010]",
    "f1_macro": "the macro-averaged F1 score",
    "f1_weighted": "the F1 score, averaged over the classes by their numbers of rows",
    "matthews_corrcoef": "the Matthews correlation coefficient [@matthews1975]",
    "neg_log_loss": "the negative log loss",
    "roc_auc": "the area under the ROC curve [@fawcett2006]",
    "roc_auc_ovo": "the area under the ROC curve, averaged over pairs of classes [@hand2001]",
    "roc_auc_ovr": "the area under the ROC curve of one class against the rest, averaged over the "
    "classes [@fawcett2006]",
}
ALGORITHMS = {
    "generational": "a generational genetic algorithm [@holland1975]",
    "steady_state": "a steady-state genetic algorithm [@whitley1989]",
    "nsga2": "the multi-objective genetic algorithm NSGA-II [@deb2002], with score and number of "
    "features as objectives",
    "islands": "a genetic algorithm on several populations with migration [@whitley1999]",
    "self_adaptive": "a genetic algorithm whose masks carry their own mutation rates [@back1996]",
}
ELITIST = ("generational", "islands", "self_adaptive")  # algorithms that read the key elite
SELECTIONS = {
    "tournament": "tournaments of {tournament_size} [@goldberg1991]",
    "roulette": "roulette-wheel selection [@holland1975]",
    "window": "a window of {tournament_size} neighbours",
    "rank": "linear ranking [@baker1985]",
    "stochastic_universal": "stochastic universal sampling [@baker1987]",
}
CROSSOVERS = {
    "one_point": "one-point crossover [@holland1975]",
    "two_point": "two-point crossover",
    "uniform": "uniform crossover [@syswerda1989]",
    "half_uniform": "half-uniform crossover [@eshelman1991]",
    "size_preserving": "a crossover that preserves the numbers of features",
}
MUTATIONS = {
    "bitflip": "flipping bits",
    "balanced_flip": "dropping and adding features at rates that leave their expected number as "
    "it is",
    "swap": "swapping a selected feature for another one",
    "filter_guided": "dropping features at random and adding others by their guided chances",
}
RANKERS = {
    "f_classif": "the one-way F statistic",
    "one_vs_rest": "the F statistic of each class against the rest, in turn",
    "mutual_info": "the mutual information with the class [@ross2014]",
    "ridge": "squared weights of a ridge classifier [@hoerl1970]",
    "f_ridge": "the F statistic times the squared weight in a ridge classifier",
    "linear_svm": "squared weights of a linear support vector machine [@guyon2002]",
    "rfe": "recursive elimination [@guyon2002] by the weights of a ridge classifier",
    "mrmr": "minimum redundancy and maximum relevance [@ding2005]",
    "relieff": "ReliefF [@kononenko1994]",
    "l1": "the order in which features enter an L1-penalised linear support vector machine "
    "[@tibshirani1996]",
    "extra_trees": "importances in 500 extremely randomised trees [@geurts2006]",
    "boruta": "Boruta [@kursa2010]",
}
GENERATORS = {
    "vae": "a variational autoencoder [@kingma2014; @rezende2014]",
    "conditional_vae": "a conditional variational autoencoder [@sohn2015]",
    "hierarchical_vae": "a hierarchical variational autoencoder [@sonderby2016]",
    "autoencoder": "an autoencoder [@hinton2006], around the codes of real rows",
    "ppca": "probabilistic principal component analysis [@tipping1999]",
    "class_gaussian": "Gaussian distributions of the classes with a shared, shrunken covariance "
    "[@ledoit2004]",
    "jitter": "adding Gaussian noise to real rows [@bishop1995]",
    "bootstrap": "drawing real rows with replacement [@efron1979]",
    "smote": "SMOTE [@chawla2002]",
}
STEPS = {
    "log2": "the logarithm to base 2",
    "log1p": "the natural logarithm of one more than the value",
    "log2p1": "the logarithm to base 2 of one more than the value",
    "standardize": "scaling of each feature to zero mean and unit variance",
    "robust": "scaling of each feature by its median and interquartile range",
    "drop_constant": "removal of constant features",
    "clr": "the centred log-ratio transformation [@aitchison1982]",
    "quantile_normalize": "quantile normalisation [@bolstad2003]",
}
# By the names of data sets, as ``catalogue.yaml`` has them
DATASETS = {
    "leukemia": "golub1999",
    "madelon": "guyon2004",
    "gisette": "guyon2004",
    "gcm": "ramaswamy2001",
    "gcm1363": "ramaswamy2001; @desouto2008",
    "all_leukemia": "yeoh2002",
    "all_leukemia_yeoh6": "yeoh2002",
    "mnist49": "lecun1998",
}


def named(words: Mapping[str, str], name: Any) -> str:
    """Return the words for a name; what is not ours, a class or a function, by its own name."""
    if isinstance(name, Mapping):
        name = name.get("class", name)
    return words.get(str(name), str(name))


def step_words(step: Any) -> str:
    """Return the words for a step of ``preprocess``.

    >>> step_words({"clip": [20, None]}), step_words("log2(x + 1)")
    ('raising of values below 20 to 20', 'the logarithm to base 2 of one more than the value')
    """
    if isinstance(step, str):
        return named(STEPS, step_name(step))
    if "class" in step:
        return f"the transformer {step['class']}"
    key, value = next(iter(step.items()))
    if key == "clip":
        return _clip_words(*value)
    if key == "impute":
        return f"imputation of missing values by the {str(value).replace('_', ' ')} of the feature"
    if key == "variance_filter":
        kept = f"the {value['keep']:,} features" if "keep" in value else "features"
        below = "" if "keep" in value else f" above {value['threshold']:g}"
        size = "largest variance" if "keep" in value else f"a variance{below}"
        return f"restriction to {kept} of {size}"
    return f"{named(STEPS, key)} with a pseudocount of {value:g}"


def _clip_words(low: float | None, high: float | None) -> str:
    if low is None:
        return f"lowering of values above {high:g} to {high:g}"
    if high is None:
        return f"raising of values below {low:g} to {low:g}"
    return f"clipping to the range from {low:g} to {high:g}"


def value_words(value: Any) -> str:
    """Return the value of a setting."""
    if isinstance(value, list | tuple):
        return f"({', '.join(map(value_words, value))})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def noun_for(noun: str, number: int) -> str:
    """Return a noun for so many."""
    return noun if number == 1 else f"{noun}s"


def was(number: int) -> str:
    """Return the verb for so many."""
    return "was" if number == 1 else "were"
