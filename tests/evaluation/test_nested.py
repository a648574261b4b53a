"""A choice in each fold: by its own validation people, of what every fold and seed has."""

import jsonschema
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from har.evaluation import assembly, leakage, predictions
from har.evaluation.collect import ModelJobs, artefacts, collect
from har.training.job_files import JobRecord
from tests.evaluation import made
from tests.evaluation.test_results import schema

SEEDS = (0, 1)
# How good each model is in each of three folds.
SKILLS = {"lstm": (0.9, 0.4, 0.8), "cnn": (0.6, 0.9, 0.7), "extra_trees": (0.99, 0.99, 0.99)}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    root, w = tmp_path_factory.mktemp("jobs"), made.windows()
    folds, records = made.folds(w), []
    for name, skills in SKILLS.items():
        for seed in SEEDS:
            for f, skill in enumerate(skills):
                folder = made.write_job(
                    root / f"{name}-{f}-{seed}", w, folds[f], skill=skill, seed=seed, fold=f,
                    model=name, name=name, exportable=name != "extra_trees",
                )  # fmt: skip
                records.append(JobRecord(name, f, seed, folder.name, folder))
    models = collect(records, list(SKILLS))
    proof = leakage.prove(w, artefacts(w, folds, models))

    def assemble(only=tuple(SKILLS), failed=None):
        some = {name: models[name] for name in only}
        if failed:
            rest = [j for j in models[failed].done if (j.fold, j.seed) != (0, 0)]
            lost = [{"fold": 0, "seed": 0, "reason": "killed"}]
            some[failed] = ModelJobs(failed, rest, lost)
        return assembly.assemble(
            made.pipeline(list(only), SEEDS), w, folds, some, proof, code="c0de"
        )

    predictions.write(root / "windows.parquet", w, models)
    return assemble, pd.read_parquet(root / "windows.parquet")


def test_each_fold_has_the_model_that_its_own_validation_people_choose(found):
    assemble, _ = found
    r = assemble()
    assert r.nested.chosen == ["lstm", "cnn", "lstm"]  # never the trees: not exportable
    jsonschema.validate(r.as_json(), schema())


def test_the_score_is_that_of_the_chosen_models_predictions(found):
    assemble, table = found
    nested = assemble().nested
    table["model"] = table["model"].astype(str)
    mine = table[table["model"] == table["fold"].map(dict(enumerate(nested.chosen)))]
    by_seed = [part.astype({"true": str, "predicted": str}) for _, part in mine.groupby("seed")]
    f1 = [f1_score(t["true"], t["predicted"], average="macro") for t in by_seed]
    assert nested.macro_f1 == pytest.approx(np.mean(f1))
    accuracy = [accuracy_score(t["true"], t["predicted"]) for t in by_seed]
    assert nested.accuracy == pytest.approx(np.mean(accuracy))
    low, high = nested.macro_f1_ci95
    assert low < nested.macro_f1 < high


def test_it_is_said_in_words(found):
    assemble, _ = found
    line = next(s for s in assemble().statistics if "Varma" in s)
    assert "(lstm in 2, cnn in 1 of 3 folds)" in line


def test_without_a_choice_nothing_is_said(found):
    assemble, _ = found
    r = assemble(("cnn", "extra_trees"))
    assert r.nested is None
    assert "nested" not in r.as_json()
    assert not any("Varma" in s for s in r.statistics)


def test_a_model_with_a_failed_job_is_no_candidate(found):
    assemble, _ = found
    assert assemble((*SKILLS,), failed="cnn").selected == "lstm"
    assert assemble((*SKILLS,), failed="cnn").nested is None


def test_the_first_lines_say_it_too(found):
    assemble, _ = found
    r = assemble()
    line = next(s for s in r.headline if s.startswith("It was selected"))
    assert f"own validation people alone: {r.nested.macro_f1:.3f}." in line
