r"""The methods section of a paper on an experiment: what was done, in prose, with its sources.

Only what was used is said, and only what is said is cited. Sentences carry their sources as
``[@key]``, which pandoc reads; LaTeX gets ``\cite{key}``, and both an excerpt of the BibTeX file
``references.bib`` beside this module.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import fill
from typing import Any

from vaega.core.files import write_text
from vaega.core.tables import latex_text
from vaega.core.wording import counted, decimals, listed
from vaega.experiments.config import ProtocolConfig
from vaega.experiments.intervals import LEAST_RUNS, overlap_share
from vaega.experiments.protocols import PROTOCOLS, make_protocol
from vaega.generative._registry import MODELS
from vaega.report._method_words import (
    CLASSIFIERS,
    DATASETS,
    METRICS,
    named,
    noun_for,
    step_words,
    value_words,
)
from vaega.report._results import Results
from vaega.report._search_methods import (
    generator_sentences,
    search_sentences,
    selector_sentences,
)

_CITED = re.compile(r"\[@([^\]]+)\]")
_KEY = re.compile(r"@([\w]+)")
_WIDTH = 80  # characters of a line of text


@dataclass(frozen=True)
class Methods:
    """A methods section."""

    paragraphs: Sequence[str]  # With sources as ``[@key]``

    @cached_property
    def keys(self) -> list[str]:
        """What is cited, in the order of the alphabet."""
        cited = _CITED.findall(" ".join(self.paragraphs))
        return sorted({key for group in cited for key in _KEY.findall(f"@{group}")})

    def markdown(self) -> str:
        """Return it as pandoc's Markdown."""
        return "\n\n".join(_lines(one) for one in self.paragraphs) + "\n"

    def latex(self) -> str:
        r"""Return it as LaTeX, to be followed by ``\bibliography{references}``."""
        return "\n\n".join(_lines(_as_latex(one)) for one in self.paragraphs) + "\n"

    def bibtex(self) -> str:
        """Return the BibTeX entries of what is cited."""
        entries = read_references()
        return "\n".join(entries[key] for key in self.keys)


def _lines(text: str) -> str:
    return fill(text, _WIDTH, break_long_words=False, break_on_hyphens=False)


def _as_latex(text: str) -> str:
    parts = _CITED.split(text)  # text and keys in turn
    parts[::2] = [latex_text(part) for part in parts[::2]]
    parts[1::2] = [f"\\cite{{{','.join(_KEY.findall('@' + part))}}}" for part in parts[1::2]]
    return "".join(parts)


def read_references() -> dict[str, str]:
    """Return all BibTeX entries by their keys.

    >>> read_references()["holm1979"].splitlines()[0]
    '@article{holm1979,'
    """
    text = Path(__file__).with_name("references.bib").read_text(encoding="utf-8")
    entries = re.finditer(r"^@\w+\{(\w+),\n.*?^\}\n", text, re.MULTILINE | re.DOTALL)
    return {entry[1]: entry[0] for entry in entries}


def write_methods(methods: Methods, folder: Path) -> None:
    """Write ``methods.md``, ``methods.tex`` and ``references.bib``."""
    write_text(folder / "methods.md", methods.markdown())
    write_text(folder / "methods.tex", methods.latex())
    write_text(folder / "references.bib", methods.bibtex())


def describe_methods(results: Results) -> Methods:
    """Return the methods section of an experiment."""
    makers = (
        _data,
        _protocol,
        _model,
        search_sentences,
        selector_sentences,
        generator_sentences,
        _statistics,
        _software,
    )
    paragraphs = (" ".join(make(results)) for make in makers)
    return Methods([text for text in paragraphs if text])


def _data(results: Results) -> Iterator[str]:
    facts, config = results.facts.data, results.config
    name, source = str(facts.get("name", "")), str(config["dataset"]["source"])
    cited = f" [@{DATASETS[name]}]" if name in DATASETS else ""
    if source.startswith("sklearn:"):
        cited = ", as distributed with scikit-learn [@pedregosa2011],"
    sizes = [
        counted(facts[key], noun)
        for key, noun in (("n_rows", "row"), ("n_features", "feature"))
        if key in facts
    ]
    classes = _classes(facts)
    of_classes = f" in {classes}" if classes else ""
    yield f"The data set {name}{cited} had {listed(sizes)}{of_classes}."
    if facts.get("n_groups"):
        n_groups = counted(facts["n_groups"], "group")
        yield f"Its rows belonged to {n_groups}, each of which was kept on one side of every split."
    if facts.get("n_missing"):
        share = 100.0 * facts["n_missing"] / (facts["n_rows"] * facts["n_features"])
        yield f"Of the values, {decimals(share, 2)} % were missing."
    elif "n_missing" in facts:
        yield "No value was missing."
    if config["preprocess"]:
        steps = [step_words(step) for step in config["preprocess"]]
        order = ", in this order" if len(steps) > 1 else ""
        yield (
            f"Preprocessing consisted of {listed(steps)}{order}; what it learns from data was "
            "learned from the training rows of each split alone."
        )


def _classes(facts: Mapping[str, Any]) -> str:
    names, counts = facts.get("class_names", ()), facts.get("class_counts", ())
    if not names:
        return ""
    if len(names) == len(counts):
        names = [f"{name}: {n:,}" for name, n in zip(names, counts, strict=True)]
    return f"{len(names)} classes ({', '.join(map(str, names))})"


def _protocol(results: Results) -> Iterator[str]:
    protocol = results.config["protocol"]
    runs = _runs(results)
    evaluation = make_protocol(ProtocolConfig.model_construct(**protocol))
    if evaluation.is_transductive:
        yield (
            f"The evaluation followed the protocol {protocol['kind']}, which holds nothing out: "
            f"fitness was computed on {evaluation.fitness_rows}, so that the scores are of rows "
            f"that the search had seen, and optimistic. There were {runs}."
        )
    else:
        yield _outer(results, runs)
        yield (
            "Every choice was made on the training rows alone, by stratified "
            f"{protocol['inner_folds']}-fold cross-validation within them; the test rows were "
            "used once, after the features were final."
        )
    arms = list(results.config["arms"])
    if len(arms) > 1:
        yield f"The arms of the experiment ({listed(arms)}) shared splits and random seeds."
    if results.finals:
        yield (
            "After this evaluation the same procedure was applied once to all rows; the features "
            "that it selected have no estimate of performance of their own."
        )


def _runs(results: Results) -> str:
    seeds = results.config["seeds"]
    given = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if given == list(range(given[0], given[0] + len(given))) and len(given) > 1:
        return f"{len(given)} runs of each arm (random seeds {given[0]} to {given[-1]})"
    names = listed([str(seed) for seed in given])
    return (
        f"{counted(len(given), 'run')} of each arm (random {noun_for('seed', len(given))} {names})"
    )


def _outer(results: Results, runs: str) -> str:
    protocol, facts = results.config["protocol"], results.facts.data
    outer = protocol["outer"]
    if outer == "official":
        n_test = facts.get("n_test_rows")
        rows = f" of {counted(n_test, 'row')}" if n_test else ""
        return f"Performance was measured on the official test part{rows}, in {runs}."
    whole = "Performance was measured on rows that were held out"
    if outer == "holdout":
        share = decimals(100.0 * protocol["test_size"], 0)
        how = "in whole groups" if facts.get("n_groups") else "within classes"
        return f"{whole}: {share} % of all, drawn at random {how} anew in each of {runs}."
    if outer == "kfold":
        n_repeats = protocol.get("n_repeats", 1)
        repeated = f", repeated {n_repeats} times," if n_repeats > 1 else ""
        folds = f"stratified {protocol['n_splits']}-fold cross-validation{repeated}"
        return f"{whole}, by {folds} with new partitions in each of {runs}."
    left_out = "row" if outer == "leave-one-out" else "group"
    return (
        f"{whole}, one {left_out} at a time; the predictions of all of them were scored together, "
        f"in {runs}."
    )


def _model(results: Results) -> Iterator[str]:
    fitness = results.config["fitness"]
    kind = fitness.get("classifier") or fitness.get("class")
    classifier = named(CLASSIFIERS, kind)
    settings = _settings(results.facts.config["fitness"])
    with_what = f" with {settings}" if settings else ""
    metric = named(METRICS, fitness["metric"])
    yield (
        f"The classifier was {classifier}, as implemented in scikit-learn [@pedregosa2011]"
        f"{with_what}{' and otherwise its' if settings else ', with the'} default settings."
        if fitness.get("classifier")
        else f"The classifier was {classifier}{with_what}."
    )
    names = results.facts.data.get("class_names", ())
    positive = ""
    if results.facts.metric.has_positive and len(names) == 2:
        positive = f", with {names[1]} as the positive class"
    yield f"The measure of performance was {metric}{positive}."
    if results.searching or any(arm.get("selector") for arm in results.config["arms"].values()):
        yield _objective(fitness["objective"], results.config["search"])


def _settings(fitness: Mapping[str, Any]) -> str:
    known = {"classifier", "class", "metric", "engine", "device", "objective", "parameters"}
    own = {key: value for key, value in fitness.items() if key not in known}
    own |= fitness.get("parameters") or {}
    return listed([f"{key} = {value_words(value)}" for key, value in own.items()])


def _objective(objective: Mapping[str, Any], search: Mapping[str, Any]) -> str:
    fitness = "The fitness of a subset of the features (a mask) was"
    score = "this measure on the validation rows"
    if search["algorithm"] == "nsga2":
        return f"A subset of the features (a mask) was scored by {score}."
    if objective["kind"] == "penalty":
        return f"{fitness} {score}, less {objective['per_feature']:g} for each selected feature."
    alpha = objective["alpha"]
    if alpha == 1.0:
        return f"{fitness} {score}."
    return (
        f"{fitness} {alpha:g} times {score} plus {1.0 - alpha:.4g} times the share of features "
        "that it leaves out."
    )


def _statistics(results: Results) -> Iterator[str]:
    summary, protocol = results.summary, results.config["protocol"]
    share = overlap_share(protocol)
    held_out = not PROTOCOLS[protocol["kind"]].is_transductive
    if held_out and len(summary) and summary["heldout_low"].notna().any():
        yield _interval(share)
    if held_out and len(summary) > 1 and (summary["n_runs"] >= LEAST_RUNS).sum() > 1:
        yield _comparison(share)
    if not results.null.empty:
        yield _permutations(results)
    if results.stability:
        yield (
            "How far the selections of all trials of an arm agreed was measured by Nogueira's "
            "stability [@nogueira2018]: 1 where they are equal, 0 where they agree no more than "
            "by chance."
        )


def _interval(share: float | None) -> str:
    if share is None:
        return (
            "Intervals (95 %) of mean scores come from resampling both the test rows and the seeds "
            "with replacement [@owen2007]."
        )
    return (
        "Intervals (95 %) of mean scores are Student's with a variance that is corrected for the "
        "training rows which splits share [@nadeau2003]."
    )


def _comparison(share: float | None) -> str:
    test = "Wilcoxon's signed-rank test, with ties and zeros included [@wilcoxon1945; @pratt1959]"
    if share is not None:
        test = "the corrected resampled t-test [@nadeau2003; @bouckaert2004]"
    return (
        f"Arms were compared in pairs, run by run, by {test}; p values were corrected for the "
        "number of pairs [@holm1979]. The size of a difference is the matched-pairs rank-biserial "
        "correlation [@kerby2014]."
    )


def _permutations(results: Results) -> str:
    n_permutations = results.null["permutation"].nunique()
    n_seeds = results.null["seed"].nunique()
    return (
        "Whether an arm did better than chance was tested with "
        f"{counted(n_permutations, 'permutation')} of the labels of all rows, test rows too "
        f"[@ojala2010], on which the whole procedure was repeated with {counted(n_seeds, 'seed')} "
        "each; p is the share of permutations, the labels as given counted among them, with at "
        "least the mean held-out score of the same seeds."
    )


# By the name of a package: its words in a sentence
_PACKAGES = {
    "scikit-learn": "scikit-learn {} [@pedregosa2011]",
    "deap": "DEAP {} [@fortin2012]",
    "torch": "PyTorch {} [@paszke2019]",
    "numpy": "NumPy {} [@harris2020]",
    "scipy": "SciPy {} [@virtanen2020]",
}


def _software(results: Results) -> Iterator[str]:
    environment = results.environment
    if not environment:
        return
    unused = set() if results.searching else {"deap"}
    generators = [arm.get("generator") or {} for arm in results.config["arms"].values()]
    if not any(one.get("kind") in (*MODELS, "auto") for one in generators):
        unused.add("torch")
    versions = environment["packages"]
    packages = [
        words.format(versions[name])
        for name, words in _PACKAGES.items()
        if name in versions and name not in unused
    ]
    yield (
        f"All computations were done with vaega {environment['vaega']} [@vaega] under Python "
        f"{environment['python']}, with {listed(packages)}."
    )
