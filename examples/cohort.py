"""Write a cohort with nine genes that matter among 3,000, and the same with permuted labels.

    python examples/cohort.py cohort.csv
    python examples/cohort.py permuted.csv --permuted

Sixty patients, of whom 24 respond to a treatment. Genes go together in 25 modules, and nine of them
are higher or lower in responders by 1.2 standard deviations: enough to be found, too little for all
of them to be. With permuted labels nothing is left to be found, and a report should say so. The
names tell which genes matter, for you; `vaega` makes nothing of them.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

N_PATIENTS, N_RESPONDERS, N_GENES = 60, 24, 3000
N_TRUE, SHIFT = 9, 1.2  # genes that matter, and by how many standard deviations
N_MODULES, CORRELATION = 25, 0.4  # groups of genes that go together, and how far


def make_cohort(seed, *, permuted=False, n_genes=N_GENES):
    """Return expression (n_patients, n_genes), who responds, and which genes matter."""
    rng = np.random.default_rng(seed)
    responds = rng.permutation(np.arange(N_PATIENTS) < N_RESPONDERS)
    modules = rng.normal(size=(N_PATIENTS, N_MODULES))[:, np.arange(n_genes) % N_MODULES]
    own = rng.normal(size=(N_PATIENTS, n_genes))
    expression = CORRELATION**0.5 * modules + (1.0 - CORRELATION) ** 0.5 * own
    matters = np.zeros(n_genes, dtype=bool)
    matters[rng.choice(n_genes, N_TRUE, replace=False)] = True
    signs = np.where(np.cumsum(matters) % 2, 1.0, -1.0)
    expression += SHIFT * np.outer(responds, signs * matters)
    if permuted:
        responds = rng.permutation(responds)
    return expression, responds, matters


def to_table(expression, responds, matters):
    """Return the cohort as a table: a row a patient, a column a gene, the classes last."""
    names = [f"{'true' if one else 'gene'}_{number:04d}" for number, one in enumerate(matters)]
    patients = pd.Index([f"P{number:02d}" for number in range(len(responds))], name="patient")
    table = pd.DataFrame(expression.round(4), columns=names, index=patients)
    return table.assign(response=np.where(responds, "responder", "other"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("file", nargs="?", type=Path, help="CSV; nothing is written without it")
    parser.add_argument("--permuted", action="store_true", help="give patients others' labels")
    parser.add_argument("--genes", type=int, default=N_GENES)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cohort = make_cohort(options.seed, permuted=options.permuted, n_genes=options.genes)
    table = to_table(*cohort)
    print(f"{len(table)} patients, {options.genes} genes, of which {N_TRUE} matter", end="")
    print(" to labels that are not these" if options.permuted else "")
    if options.file is None:
        print("give a file to write, such as cohort.csv")
        return
    table.to_csv(options.file)
    name = options.file.stem
    print(f"written to {options.file}; go on with:\n")
    print(f"  vaega init {options.file} --target response")
    print(f"  vaega run {name}.yaml\n  open results/{name}/report.html and features.csv")


if __name__ == "__main__":
    main()
