import dataclasses
import json
from importlib import resources

import jsonschema
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from har.cli.summary import comparison
from har.config import SplitConfig
from har.errors import StoreError, TrainingError
from har.evaluation import assembly, leakage, predictions, protocol
from har.evaluation.collect import artefacts, collect
from har.evaluation.numerals import duration
from har.evaluation.results import FailedJob, ModelScores, Results
from har.training import splits
from har.training.job_files import JobRecord
from tests.evaluation import made

SKILLS = {"lstm": 0.6, "cnn": 0.9, "extra_trees": 0.5}


def compare(root, w, skills=SKILLS, *, change=lambda records: records, **options):
    folds, records = made.train(root, w, skills=skills, **options)
    models = collect(change(records), list(skills))
    proof = leakage.prove(w, artefacts(w, folds, models))
    p = made.pipeline(list(skills), options.get("seeds", (0, 1)))
    return assembly.assemble(p, w, folds, models, proof, code="c0de"), models


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    w = made.windows()
    root = tmp_path_factory.mktemp("jobs")
    made_results, models = compare(root, w)
    path = root / "windows.parquet"
    predictions.write(path, w, models)
    return w, made_results, pd.read_parquet(path)


def schema():
    text = resources.files("har.evaluation").joinpath("results.schema.json").read_text("utf-8")
    return json.loads(text)


def test_results_follow_the_schema(compared):
    _, r, _ = compared
    jsonschema.validate(r.as_json(), schema())
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_schema_that_ships_is_that_of_the_types():
    assert schema() == Results.json_schema(), "python -m har.evaluation.results"


# The file --------------------------------------------------------------------------------------


def test_what_is_written_is_read_again(compared, tmp_path):
    _, r, _ = compared
    r.write(tmp_path / "results.json")
    assert Results.read(tmp_path / "results.json", again="") == r
    jsonschema.validate(json.loads((tmp_path / "results.json").read_text("utf-8")), schema())


def lacking(*path):
    def change(value):
        *above, name = path
        for part in above:
            value = value[part]
        del value[name]

    return change


def holding(content, *path):
    def change(value):
        *above, name = path
        for part in above:
            value = value[part]
        value[name] = content

    return change


def renamed(old, new, *path):
    def change(value):
        for part in path:
            value = value[part]
        value[new] = value.pop(old)

    return change


MEASURED = {
    "bytes": 1, "max_abs_diff": 0.0, "label_agreement": 1.0, "macro_f1": 0.5,
    "latency_ms_p50": 0.1, "latency_ms_p99": 0.2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lacking("selected"), "selected: Field required"),
        (lacking("models", "cnn", "macro_f1"), "models.cnn.macro_f1: Field required"),
        (lacking("folds", 1, "test"), "folds.1.test: Field required"),
        (lacking("schema"), "schema: Field required"),
        (holding("har/results/2", "schema"), "schema: Input should be 'har/results/1'"),
        (renamed("per_class", "classes", "models", "lstm"), "models.lstm.classes: Extra inputs"),
        (renamed("per_class", "classes", "models", "lstm"), "models.lstm.per_class: Field requ"),
        (holding("0.9", "models", "cnn", "macro_f1"), "valid number, got '0.9'"),
        (holding(1.5, "models", "cnn", "accuracy"), "models.cnn.accuracy: Input should be less"),
        (holding(True, "windows", "kept"), "windows.kept: Input should be a valid integer"),
        (holding([0.1], "models", "cnn", "macro_f1_ci95"), "models.cnn.macro_f1_ci95: List should"),
        (holding(3, "config", "training", "epoch"), "config.training.epoch: Extra inputs"),
        (holding(False, "leakage", "ok"), "leakage.ok: Input should be True"),
        (
            holding({"float32": {**MEASURED, "bytes": "1 kB"}}, "models", "cnn", "export"),
            "models.cnn.export.float32.bytes: Input should be a valid integer, got '1 kB'",
        ),
        (
            holding({"int8": {"withheld": None}}, "models", "cnn", "export"),
            "models.cnn.export.int8.withheld: Input should be a valid string",
        ),
    ],
)
def test_an_old_or_tampered_file_is_refused_by_name_of_the_field(compared, tmp_path, change, says):
    _, r, _ = compared
    path = tmp_path / "made" / "results.json"
    path.parent.mkdir()
    value = r.as_json()
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(StoreError) as refused:
        Results.published(tmp_path, "made")
    text = str(refused.value)
    assert text.startswith(f"{path} is not what this version writes:\n  ")
    assert says in text
    assert text.endswith("Run: har run made")
    with pytest.raises(jsonschema.ValidationError):  # other programs would refuse it, too
        jsonschema.validate(value, schema())


def test_what_is_no_json_and_what_contradicts_itself_is_refused(compared, tmp_path):
    _, r, _ = compared
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "results.json").write_text(json.dumps(r.as_json() | {"selected": "gru"}))
    with pytest.raises(StoreError, match="selected is 'gru', which is not one of models"):
        Results.published(tmp_path, "made")
    (tmp_path / "made" / "results.json").write_text("{")
    with pytest.raises(StoreError, match="Invalid JSON"):
        Results.published(tmp_path, "made")
    with pytest.raises(StoreError, match="Run: har run other"):
        Results.published(tmp_path, "other")


# Scores ----------------------------------------------------------------------------------------


def test_windows_parquet_has_each_window_once_per_model_and_seed(compared):
    w, _, table = compared
    assert list(table.columns[:10]) == [
        "model", "seed", "fold", "recording", "subject", "start", "end", "purity", "true",
        "predicted",
    ]  # fmt: skip
    assert list(table.columns[10:]) == ["p_walk", "p_sit", "p_jump"]
    assert len(table) == len(w) * 3 * 2
    for _, part in table.groupby(["model", "seed"]):
        intervals = set(zip(part["recording"], part["start"], part["end"], strict=True))
        assert intervals == set(zip(w.recordings, w.spans[:, 0], w.spans[:, 1], strict=True))
    p = table[["p_walk", "p_sit", "p_jump"]].to_numpy()
    assert (np.array(made.ACTIVITIES)[p.argmax(axis=1)] == table["predicted"]).all()


def test_scores_are_pooled_per_seed_and_averaged_over_seeds(compared):
    _, r, table = compared
    for name, m in r.models.items():
        mine = table[table["model"] == name]
        f1 = [f1_score(t["true"], t["predicted"], average="macro") for _, t in mine.groupby("seed")]
        accuracy = [accuracy_score(t["true"], t["predicted"]) for _, t in mine.groupby("seed")]
        assert m.macro_f1 == pytest.approx(np.mean(f1))
        assert m.accuracy == pytest.approx(np.mean(accuracy))
        assert m.macro_f1_seed_sd == pytest.approx(np.std(f1, ddof=1))
        assert [row.macro_f1 for row in m.per_seed] == pytest.approx(f1)
        want = confusion_matrix(mine["true"], mine["predicted"], labels=list(made.ACTIVITIES))
        assert m.confusion == want.tolist()
        for person, score in m.per_subject.items():
            theirs = mine[mine["subject"] == person]
            want = np.mean(
                [
                    f1_score(t["true"], t["predicted"], labels=t["true"].unique(), average="macro")
                    for _, t in theirs.groupby("seed")
                ]
            )
            assert score == pytest.approx(want)


def test_the_score_by_folds_counts_an_absent_activity_as_nothing(tmp_path):
    w, labels = made.windows(), [*made.ACTIVITIES]
    jump = labels.index("jump")
    only_one = np.where((w.labels == jump) & (w.subjects != "1"), 0, w.labels)
    w = dataclasses.replace(w, labels=only_one)
    r, models = compare(tmp_path, w)
    path = tmp_path / "windows.parquet"
    predictions.write(path, w, models)
    for name, of_model in pd.read_parquet(path).groupby("model"):
        folds = [fold for _, fold in of_model.groupby(["seed", "fold"])]
        assert sum("jump" in set(t["true"]) for t in folds) == len(folds) / 3
        each = [
            f1_score(t["true"], t["predicted"], labels=labels, average="macro", zero_division=0)
            for t in folds
        ]
        assert r.models[name].fold_macro_f1 == pytest.approx(np.mean(each))


def test_seeds_together_are_the_mean_of_their_probabilities(compared):
    _, r, table = compared
    columns = ["p_walk", "p_sit", "p_jump"]
    for name, m in r.models.items():
        mine = table[table["model"] == name]
        mean = mine.groupby(["recording", "start"])[columns].mean()
        true = mine.groupby(["recording", "start"])["true"].first()
        guess = np.array(made.ACTIVITIES)[mean.to_numpy().argmax(axis=1)]
        want = f1_score(true, guess, average="macro")
        together = m.seed_ensemble
        assert together.macro_f1 == pytest.approx(want, abs=0.01)  # ties of two seeds
        assert together.macro_f1_ci95[0] < together.macro_f1 < together.macro_f1_ci95[1]
    both = r.models[r.selected].seed_ensemble.macro_f1
    assert (
        f"its 2 seeds' probabilities, which export.seeds: all ships as one file, has {both:.3f}"
        in (" ".join(r.headline))
    )


def test_people_who_are_left_out_are_not_counted(tmp_path):
    w = made.windows()
    parts = [{"train": ["1", "2"], "validation": ["3"], "test": ["4"]}]
    folder = made.write_job(tmp_path / "a", w, parts[0], skill=0.9)
    models = collect([JobRecord("cnn", 0, 0, "a", folder)], ["cnn"])
    proof = leakage.prove(w, artefacts(w, parts, models))
    p = made.pipeline(["cnn"], (0,), split={"subjects": {"test": ["4"]}, "exclude": ["5", "6"]})
    r = assembly.assemble(p, w, parts, models, proof, code="c0de")
    assert r.subjects == ["1", "2", "3", "4"]
    assert r.windows.kept + r.windows.rejected["person left out"] == len(w)
    assert r.windows.kept == np.isin(w.subjects, ["1", "2", "3", "4"]).sum()
    assert "out of 4" in r.protocol
    assert "Excluded: 5, 6." in r.protocol


def test_what_is_known_of_the_run(compared):
    w, r, _ = compared
    assert r.subjects == ["1", "2", "3", "4", "5", "6"]
    assert r.windows.as_json() == {"kept": len(w), "rejected": {"mixed labels": 4}}
    assert r.config.training.steps == 2000
    assert "3 subject folds over 6 people" in r.protocol
    assert any("cannot give a p below 0.031" in s for s in r.statistics)
    assert any("share training people" in s for s in r.statistics)


def test_the_protocol_says_who_validates():
    p = made.pipeline(["cnn"], split={"scheme": "subject-folds", "validation": "next-fold"})
    text = protocol.protocol(p, people=6, folds=3, fold_sizes=[2, 2, 2])
    assert "(2 in each fold, those that the next fold tests)" in text


def test_the_fingerprint_is_of_the_data():
    w = made.windows()
    assert assembly.fingerprint(w) == assembly.fingerprint(made.windows())
    assert assembly.fingerprint(w) != assembly.fingerprint(made.windows(seed=1))


# Selection -------------------------------------------------------------------------------------


def entry(validation, *, exportable=True, failed=(), parameters=10):
    return ModelScores.model_construct(
        validation_macro_f1=validation,
        exportable=exportable,
        failed_jobs=list(failed),
        parameters=parameters,
    )


def test_selection_looks_at_validation_people_of_what_can_be_exported():
    failed = [FailedJob(fold=0, seed=0, reason="killed")]
    models = {
        "best": entry(0.9),
        "worse": entry(0.8),
        "trees": entry(0.95, exportable=False),
        "partly": entry(0.97, failed=failed),
    }
    assert assembly.select(models) == "best"
    assert assembly.select({"a": entry(0.9, parameters=20), "b": entry(0.9)}) == "b"
    assert assembly.select({"trees": entry(0.9, exportable=False)}) is None


def test_the_second_line_says_if_what_cannot_be_exported_is_as_good(tmp_path):
    r, _ = compare(tmp_path, made.windows(), {"cnn": 0.7, "extra_trees": 0.95})
    said = "extra_trees, which cannot be exported, scores higher than cnn"
    assert r.headline[0].startswith("Ship cnn: on held-out people its macro-F1 is ")
    assert r.headline[1].startswith(said)
    (row,) = r.comparisons
    assert f"difference +{-row.difference:.3f}" in r.headline[1]  # of the sentence's subject
    assert said in " ".join(comparison(r).split())


@pytest.mark.parametrize(
    ("difference", "ci95", "how"),
    [
        (-0.02, [-0.03, -0.01], "scores higher than"),
        (-0.01, [-0.03, 0.01], "scores at least as well as"),
        (0.0, None, "scores at least as well as"),
        (0.01, [-0.01, 0.03], "does not score significantly lower than"),
    ],
)
def test_the_second_line_says_no_more_than_the_interval(tmp_path, difference, ci95, how):
    r, _ = compare(tmp_path, made.windows(), {"cnn": 0.7, "extra_trees": 0.7})
    (row,) = r.comparisons

    def second(difference, ci95):
        other = row.model_copy(update={"difference": difference, "ci95": ci95})
        return protocol.headline(r.config, r.selected, r.models, [other], r.nested, {})[1]

    said = second(difference, ci95)
    assert said.startswith(f"extra_trees, which cannot be exported, {how} cnn")
    assert second(0.02, [0.01, 0.03]).startswith("It was selected")


def test_a_model_without_epochs_that_is_as_good_is_preferred_even_if_it_ships(tmp_path):
    skills = {"cnn": 0.7, "rocket": 0.7}
    r, _ = compare(tmp_path / "a", made.windows(), skills)
    assert r.selected == "cnn"
    assert r.headline[0].endswith("as good: rocket.")
    assert r.headline[1].startswith("rocket, which is not a deep network, ")
    assert "Prefer it unless" in r.headline[1]
    worse, _ = compare(tmp_path / "b", made.windows(), {"cnn": 0.95, "rocket": 0.4})
    assert worse.headline[0].startswith("Ship cnn: ")
    solved, _ = compare(tmp_path / "c", made.windows(), {"cnn": 0.4, "rocket": 0.95})
    assert solved.headline[0].startswith("Ship rocket: ")
    networks, _ = compare(tmp_path / "d", made.windows(), {"cnn": 0.72, "gru": 0.7})
    assert networks.headline[0].startswith("Ship cnn: ")


def test_the_headline_of_models_that_no_phone_runs(tmp_path):
    r, _ = compare(tmp_path, made.windows(), {"extra_trees": 0.9})
    assert r.headline[0].startswith("Nothing to ship: none of these models can be exported. extra_")
    assert f"macro-F1 is {r.models['extra_trees'].macro_f1:.3f}" in r.headline[0]


def test_the_headline_says_of_an_activity_that_only_one_person_has_that_nobody_trained_it(tmp_path):
    w = made.windows()
    labels = w.labels.copy()
    labels[(labels == 2) & (w.subjects != "4")] = 1  # only person 4 jumps
    r, _ = compare(tmp_path, dataclasses.replace(w, labels=labels), {"cnn": 0.9})
    assert any(
        "training person of the fold performs: jump (4). Their recall there is 0" in x
        for x in r.headline
    )
    sound, _ = compare(tmp_path / "b", w, {"cnn": 0.9})
    assert not any("no training person" in x for x in sound.headline)


def test_the_first_line_names_the_selected_where_it_is_better(compared):
    _, r, _ = compared
    assert r.selected == "cnn"
    assert r.headline[0].startswith("Ship cnn: ")
    assert len(r.comparisons) == 2


# Other protocols -------------------------------------------------------------------------------


def test_named_test_people(tmp_path):
    w = made.windows()
    fold = {"train": ["1", "2", "3"], "validation": ["4"], "test": ["5", "6"]}
    records = []
    for model, skill in (("cnn", 0.9), ("gru", 0.7)):
        folder = made.write_job(tmp_path / model, w, fold, skill=skill)
        records.append(JobRecord(model, 0, 0, model, folder))
    models = collect(records, ["cnn", "gru"])
    proof = leakage.prove(w, artefacts(w, [fold], models))
    p = made.pipeline(["cnn", "gru"], (0,), split={"subjects": {"test": ["5", "6"]}})
    r = assembly.assemble(p, w, [fold], models, proof, code="c0de")
    jsonschema.validate(r.as_json(), schema())
    assert list(r.models["cnn"].per_subject) == ["5", "6"]
    assert r.models["cnn"].macro_f1_ci95 is None  # of two people
    assert r.comparisons[0].verdict == "too few people to tell"
    assert "Tested on 2 named people (5, 6) out of 6" in r.protocol
    assert r.nested is None  # there is one fold


def test_sessions_of_one_person_say_that_they_tell_nothing_of_others(tmp_path):
    w = made.windows(people=1, recordings=9)
    config = SplitConfig(scheme="sessions", folds=3)
    folds, records = [], []
    for f, split in enumerate(splits.make(w, config)):
        index = {part: getattr(split, part) for part in leakage.PARTS}
        folds.append(split.people())
        folder = made.write_job(tmp_path / str(f), w, folds[f], skill=0.8, index=index)
        records.append(JobRecord("cnn", f, 0, str(f), folder))
    models = collect(records, ["cnn"])
    evidence = artefacts(w, folds, models)
    assert not leakage.prove(w, evidence)["ok"]
    proof = leakage.prove(w, evidence, same_people=True)
    assert proof["ok"]
    p = made.pipeline(["cnn"], (0,), split={"scheme": "sessions", "folds": 3})
    r = assembly.assemble(p, w, folds, models, proof, code="c0de")
    jsonschema.validate(r.as_json(), schema())
    assert "says nothing about other people" in r.protocol
    assert any("same people" in line for line in r.headline)
    assert "No interval over people can be given from 1." in r.statistics


# When jobs fail --------------------------------------------------------------------------------


def fail(model, fold, seed):
    def change(records):
        return [
            JobRecord(r.model, r.fold, r.seed, r.key, None, "killed by signal 9")
            if (r.model, r.fold, r.seed) == (model, fold, seed)
            else r
            for r in records
        ]

    return change


def test_a_seed_with_a_missing_fold_is_not_scored(tmp_path):
    r, _ = compare(tmp_path, made.windows(), change=fail("cnn", 1, 1))
    cnn = r.models["cnn"]
    assert cnn.failed_jobs == [FailedJob(fold=1, seed=1, reason="killed by signal 9")]
    assert [row.seed for row in cnn.per_seed] == [0]
    assert r.selected == "lstm"
    assert any("Failed jobs: cnn 1" in line for line in r.headline)
    jsonschema.validate(r.as_json(), schema())


def test_a_model_without_a_whole_seed_has_no_score(tmp_path):
    w = made.windows()
    r, _ = compare(tmp_path, w, change=fail("cnn", 1, 0), seeds=(0,))
    assert r.models["cnn"].macro_f1 is None
    assert "failed" in comparison(r)
    jsonschema.validate(r.as_json(), schema())


def test_nothing_to_compare(tmp_path):
    with pytest.raises(TrainingError, match="killed by signal 9"):
        compare(tmp_path, made.windows(), {"cnn": 1}, seeds=(0,), change=fail("cnn", 0, 0))


def test_a_window_tested_twice_is_refused(tmp_path):
    w = made.windows()

    def twice(records):
        with np.load(records[0].folder / "predictions.npz") as z:
            arrays = dict(z)
        for name in ("test_index", "test_probabilities"):
            arrays[name] = np.concatenate([arrays[name], arrays[name][:1]])
        np.savez(records[0].folder / "predictions.npz", **arrays)
        return records

    with pytest.raises(TrainingError, match="1 windows are tested by more than one fold"):
        compare(tmp_path, w, {"cnn": 1}, change=twice)


def test_a_damaged_job_is_named(tmp_path):
    _, records = made.train(tmp_path, made.windows(), skills={"cnn": 1}, seeds=(0,))
    (records[0].folder / "predictions.npz").unlink()
    with pytest.raises(TrainingError, match=r"cnn-0-0 is incomplete"):
        collect(records, ["cnn"])


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.4, "3 s"), (185, "3 min 05 s"), (7800, "2 h 10 min")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text
