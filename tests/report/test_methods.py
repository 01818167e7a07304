"""The methods section: every name has its words, and exactly what is cited is there."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tests.report.experiments import run_small
from vaega.cli import main
from vaega.evolution.algorithms import ALGORITHMS
from vaega.evolution.operators import CROSSOVERS, MUTATIONS, SELECTIONS
from vaega.experiments import registry
from vaega.report import _method_words as words
from vaega.report._methods import Methods, describe_methods, read_references
from vaega.report._results import read_results
from vaega.selection._classical import KINDS
from vaega.selection._rankers import RANKERS

TABLES = {
    "classifiers": (words.CLASSIFIERS, registry.CLASSIFIERS),
    "metrics": (words.METRICS, registry.METRICS),
    "generators": (words.GENERATORS, [kind for kind in registry.KINDS if kind != "auto"]),
    "algorithms": (words.ALGORITHMS, ALGORITHMS),
    "selections": (words.SELECTIONS, SELECTIONS),
    "crossovers": (words.CROSSOVERS, CROSSOVERS),
    "mutations": (words.MUTATIONS, MUTATIONS),
    "rankers": (words.RANKERS, RANKERS),
}


@pytest.fixture(scope="module")
def results(small_results):
    return read_results(small_results)


def changed(results, **sections):
    """Return results whose configuration has other keys in some sections."""
    config = dict(results.config)
    for name, section in sections.items():
        config[name] = {**config[name], **section} if isinstance(section, dict) else section
    return replace(results, config=config)


def said(results, **sections):
    """Return the methods in one line, after a check of what they cite."""
    methods = describe_methods(changed(results, **sections))
    check_citations(methods)
    return " ".join(methods.paragraphs)


def check_citations(methods):
    entries = re.findall(r"^@\w+\{(\w+),$", methods.bibtex(), re.MULTILINE)
    assert entries == methods.keys
    cited = re.findall(r"\\cite\{([^}]*)\}", methods.latex().replace("\n", ""))
    assert {key for group in cited for key in group.split(",")} == set(entries)
    assert "@" not in re.sub(r"\[@[^\]]*\]", "", " ".join(methods.paragraphs))


def test_what_was_done(results):
    text = said(results)
    assert text.startswith(
        "The data set wine, as distributed with scikit-learn [@pedregosa2011], had 178 rows and 13 "
        "features in 3 classes (class_0: 59, class_1: 71, class_2: 48). No value was missing."
    )
    assert "scaling of each feature to zero mean and unit variance" in text
    assert "30 % of all, drawn at random within classes anew in each of 3 runs" in text
    assert "by stratified 2-fold cross-validation within them" in text
    assert "The classifier was Gaussian naive Bayes" in text
    assert "0.9 times this measure on the validation rows plus 0.1 times" in text
    assert "with a population of 6 masks and 2 generations" in text
    assert "In the arm jitter, 40 synthetic rows" in text
    assert re.search(r"under Python 3\.\d+", text)


def test_what_was_not_used_is_not_said(results):
    text = said(results)
    for absent in ("PyTorch", "permutation", "Wilcoxon", "Intervals", "voted", "auto", "None"):
        assert absent not in text
    alone = {"original": {"selector": {"kind": "all"}}}
    text = said(replace(results, config={**results.config, "arms": alone}))
    for absent in ("synthetic", "DEAP", "genetic", "arms"):
        assert absent not in text


@pytest.mark.parametrize("table", TABLES)
def test_every_name_has_its_words_and_no_other_has(table):
    described, known = TABLES[table]
    assert sorted(described) == sorted(known)


@pytest.mark.parametrize("name", registry.CLASSIFIERS)
def test_every_classifier_yields_a_sentence(results, name):
    assert f"The classifier was {words.CLASSIFIERS[name]}" in said(
        results, fitness={"classifier": name}
    )


@pytest.mark.parametrize("name", registry.METRICS)
def test_every_metric_yields_a_sentence(results, name):
    assert f"performance was {words.METRICS[name]}" in said(results, fitness={"metric": name})


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_yields_a_sentence(results, name):
    text = said(results, search={"algorithm": name})
    assert words.ALGORITHMS[name] in text
    assert ("survived unchanged" in text) == (name in words.ELITIST)


@pytest.mark.parametrize(
    ("key", "table"),
    [
        ("selection", "selections"),
        ("crossover", "crossovers"),
        ("mutation", "mutations"),
        ("guide", "rankers"),
    ],
)
def test_every_operator_and_guide_yields_a_sentence(results, key, table):
    for name, wording in TABLES[table][0].items():
        assert wording.format(tournament_size=5) in said(results, search={key: name})


@pytest.mark.parametrize("kind", registry.KINDS)
def test_every_generator_yields_a_sentence(results, kind):
    arms = {"own": {"generator": {"kind": kind}, "n_synthetic": "auto" if kind == "auto" else 30}}
    text = said(results, arms=arms)
    assert words.GENERATORS.get(kind, "the generator of synthetic rows and their number") in text
    networks = ("vae", "conditional_vae", "hierarchical_vae", "autoencoder")
    assert ("trained by Adam" in text) == (kind in networks)
    assert "no synthetic row was validated or tested on" in text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", ["auto", 1, 20, "original"])
def test_every_classical_selection_yields_a_sentence(results, kind, size):
    text = said(results, arms={"own": {"selector": {"kind": kind, "size": size}}})
    assert re.search(r"In the arm own, [^.]+\.", text)
    assert size != 1 or kind == "all" or "1 feature" in text


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("robust", "by its median and interquartile range"),
        ({"clip": [20, 16000]}, "clipping to the range from 20 to 16000"),
        ({"clip": [None, 5.5]}, "lowering of values above 5.5 to 5.5"),
        ({"impute": "most_frequent"}, "by the most frequent of the feature"),
        ({"variance_filter": {"keep": 1000}}, "the 1,000 features of largest variance"),
        ({"variance_filter": {"threshold": 0.5}}, "features of a variance above 0.5"),
        ({"clr": 0.5}, "centred log-ratio transformation [@aitchison1982] with a pseudocount of"),
        ({"class": "sklearn.decomposition.PCA"}, "the transformer sklearn.decomposition.PCA"),
    ],
)
def test_every_step_has_its_words(results, step, expected):
    assert expected in said(results, preprocess=[step])


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ({"outer": "kfold", "n_splits": 4, "n_repeats": 2}, "4-fold cross-validation, repeated 2"),
        ({"outer": "official"}, "on the official test part"),
        ({"outer": "leave-one-out"}, "one row at a time"),
        ({"outer": "leave-one-group-out"}, "one group at a time"),
        ({"kind": "as-run"}, "holds nothing out: fitness was computed on the test rows"),
        ({"final_rows": "real"}, "The final model was fitted on the real rows alone."),
    ],
)
def test_protocols(results, protocol, expected):
    assert expected in said(results, protocol=protocol)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ({"n_searches": 10}, "had 10 such searches, each on a random, stratified 80 %"),
        (
            {"n_searches": 10, "consensus_size": 30},
            "first 30 features of the ranking that led were",
        ),
        ({"consensus_size": "error_control"}, "complementary pairs of halves"),
        ({"confirm": 10}, "The 10 best masks were scored again on 3 fresh partitions"),
        ({"patience": 4, "target": 0.9}, "after 4 generations without a better mask or an"),
        ({"pinned": [1], "min_features": 2}, "1 feature was always selected."),
        ({"initial_fraction": 0.05}, "Features entered the first masks with probability 0.05"),
        ({"preselect": {"keep": 50}}, "A first selection on the real training rows left 50"),
    ],
)
def test_searches(results, search, expected):
    assert expected in said(results, search=search)


def test_statistics_of_what_was_computed(results):
    summary = results.summary.assign(heldout_low=0.8, heldout_high=0.9, n_runs=10)
    null = pd.DataFrame({"permutation": [0, 0, 1, 1], "seed": [0, 1, 0, 1]})
    more = replace(results, summary=summary, null=null)
    text = said(more)
    assert "Student's with a variance that is corrected" in text
    assert "the corrected resampled t-test [@nadeau2003; @bouckaert2004]" in text
    assert "with 2 permutations of the labels of all rows, test rows too" in text
    assert "2 seeds each" in text
    official = said(more, protocol={"outer": "official"})
    assert "resampling both the test rows and the seeds" in official
    assert "Wilcoxon's signed-rank test" in official


def test_results_of_old_say_what_is_known(results):
    metrics = {
        arm: [{key: value for key, value in run.items() if key != "data"} for run in runs]
        for arm, runs in results.metrics.items()
    }
    text = said(replace(results, metrics=metrics), protocol={"final": "both"})
    assert "The data set wine" in text
    assert "13 features" in text
    assert "rows and" not in text.split(".")[0]


def test_references_parse_and_each_is_cited_somewhere():
    entries = read_references()
    source = Path(words.__file__).parent
    modules = ("_method_words", "_methods", "_search_methods")
    text = "".join((source / f"{name}.py").read_text(encoding="utf-8") for name in modules)
    keys = set(re.findall(r"@([a-z]+\d{4}|vaega)", text)) | {"guyon2004"}
    keys |= {key for value in words.DATASETS.values() for key in re.findall(r"[a-z]+\d{4}", value)}
    assert keys == set(entries)
    for key, entry in entries.items():
        assert entry.count("{") == entry.count("}"), key
        fields = dict(re.findall(r"^  (\w+) = \{(.*)\},?$", entry, re.MULTILINE))
        assert len(fields) == len(entry.splitlines()) - 2, key
        assert {"author", "title", "year"} <= set(fields)
        assert not re.search(r"[^\x00-\x7f]", entry), key
    assert list(entries) == sorted(entries)


def test_text_is_escaped_for_latex_and_sources_are_commands():
    methods = Methods(["50 % of a_b [@holm1979; @nadeau2003]."])
    assert methods.latex() == "50 \\% of a\\_b \\cite{holm1979,nadeau2003}.\n"
    assert methods.markdown() == "50 % of a_b [@holm1979; @nadeau2003].\n"


def test_on_the_command_line(small_results, tmp_path, capsys):
    assert main(["report", str(small_results), "--methods"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("The data set wine")
    assert "```bibtex\n@" in out
    assert main(["report", str(small_results), "--methods", "--out", str(tmp_path / "paper")]) == 0
    assert "```" not in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "paper").iterdir()}
    assert names == {"methods.md", "methods.tex", "references.bib"}


def test_a_vote_and_network_of_a_real_experiment(tmp_path):
    network = {"kind": "vae", "hidden": [4], "latent": 2, "max_epochs": 2}
    arms = {"augmented": {"generator": network, "n_synthetic": 10}}
    folder = run_small(tmp_path, seeds=1, arms=arms, n_searches=2)
    text = said(read_results(folder))
    assert "hidden layers of 4 units, 2 latent dimensions" in text
    assert "for at most 2 epochs" in text
    assert "had 2 such searches" in text
