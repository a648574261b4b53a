import pytest

from har import pipeline_file
from har.errors import ConfigError
from har.own_recordings import Table

SMALL = {"name": "t", "dataset": "watch", "models": ["cnn"]}


@pytest.mark.parametrize("name", pipeline_file.pipeline_names())
def test_every_packaged_pipeline_is_valid(name):
    assert pipeline_file.load(name).name == name


def test_watch_is_as_documented():
    p = pipeline_file.load("watch")
    assert [m.name for m in p.models] == ["lstm", "bilstm", "gru", "cnn", "rocket", "extra_trees"]
    assert (p.signal.rate_hz, p.signal.filter.cutoff_hz, p.windows.length_s) == (50, 20, 2.56)
    assert (p.training.steps, p.training.epochs) == (300, None)
    assert p.training.seeds == (0,)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "training.epoch: unknown key, did you mean 'epochs'?"),
        ("trainin.epochs=3", "trainin: unknown key, did you mean 'training'?"),
        ("signal.filter.kind=highpass", "Input should be 'lowpass' or 'none', got 'highpass'"),
        ("training.epochs=-1", "training.epochs: Input should be greater than or equal to 1"),
        ("signal.filter.cutoff_hz=25", "must be below half of rate_hz (25 Hz), got 25"),
        ("models=[lstm, lstm]", "models must have distinct names"),
        ("models=[]", "models"),
        ("training.seeds=[1, 1]", "seeds must be distinct"),
        ("export.models=[nothing]", "'nothing' is not one of models"),
        ("export.quantization=[dynamic]", "must contain none"),
        ("split.scheme=subjects", "needs test subjects"),
        ("split={scheme: sessions, folds: 2}", "sessions needs 3 folds or more"),
        ("dataset.path=x", "is a value, it has no key"),
        ("training.epochs", "--set takes KEY=VALUE"),
        ("training.epochs=[", "is not a YAML value"),
    ],
)
def test_a_wrong_value_is_refused_and_says_what_is_right(override, message):
    with pytest.raises(ConfigError) as e:
        pipeline_file.load("watch", [override])
    assert message in str(e.value)


def test_overrides_reach_nested_values():
    p = pipeline_file.load(
        "watch", ["training.epochs=3", "signal.filter.kind=none", "models=[cnn]"]
    )
    assert (p.training.epochs, p.signal.filter.kind, len(p.models)) == (3, "none", 1)
    p = pipeline_file.load("uci-har", ["split.scheme=subject-folds"])
    assert (p.split.scheme, p.split.test) == ("subject-folds", ())


@pytest.mark.parametrize(
    ("sets", "epochs", "steps", "patience"),
    [
        ([], None, 2000, 600),
        (["training.epochs=20"], 20, None, 6),
        (["training.patience=4", "training.epochs=20"], 20, None, 4),
        (["training.epochs=20", "training.steps=100"], None, 100, 30),
        (["training.patience=10"], None, 2000, 10),
    ],
)
def test_a_budget_in_another_unit_takes_the_place_of_the_file_s(sets, epochs, steps, patience):
    t = pipeline_file.load("watch-full", sets).training
    assert (t.epochs, t.steps, t.patience) == (epochs, steps, patience)


def test_shorthands_mean_what_they_say():
    p = pipeline_file.parse({**SMALL, "models": ["lstm", {"cnn": {"filters": 8}},
                                          {"name": "cnn", "label": "cnn-wide"}]})  # fmt: skip
    assert [(m.key, m.name, m.params) for m in p.models] == [
        ("lstm", "lstm", {}), ("cnn", "cnn", {"filters": 8}), ("cnn-wide", "cnn", {}),
    ]  # fmt: skip
    p = pipeline_file.parse({**SMALL, "split": {"subjects": {"test": [2, 4]}}})
    assert (p.split.scheme, p.split.test) == ("subjects", ("2", "4"))


def test_every_problem_is_told_at_once():
    with pytest.raises(ConfigError) as e:
        pipeline_file.parse(
            {"name": "t", "dataset": "watch", "modles": [], "windows": {"overlap": 1}}
        )
    text = str(e.value)
    assert "modles: unknown key, did you mean 'models'?" in text
    assert "models: is required." in text
    assert "windows.overlap" in text


def test_a_key_that_stands_twice_is_refused(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("dataset: watch\nmodels: [cnn]\ndataset: motionsense\n")
    with pytest.raises(ConfigError, match="key 'dataset' stands twice, line 3"):
        pipeline_file.load(file)


def test_an_unknown_name_is_met_with_the_known_ones():
    with pytest.raises(ConfigError, match="No pipeline named 'wacth', did you mean 'watch'"):
        pipeline_file.load("wacth")
    with pytest.raises(ConfigError, match="No pipeline file at nowhere.yaml"):
        pipeline_file.load("nowhere.yaml")


def test_a_pipeline_of_the_workspace_comes_before_the_packaged_one(workspace):
    (workspace / "pipelines").mkdir()
    (workspace / "pipelines" / "watch.yaml").write_text("dataset: mine\nmodels: [cnn]\n")
    assert pipeline_file.load("watch").dataset == "mine"


def test_own_recordings_take_the_place_of_a_name():
    p = pipeline_file.parse(
        {**SMALL, "dataset": {"path": "my/**/*.csv", "columns": {"x": "ax", "y": "ay", "z": "az"}}}
    )
    assert isinstance(p.dataset, Table)
    assert p.dataset_name == "own"
    with pytest.raises(ConfigError, match="unknown key, did you mean 'time_unit'"):
        pipeline_file.parse({**SMALL, "dataset": {"path": "x", "time_units": "s"}})


def test_the_mean_over_seeds_needs_several():
    with pytest.raises(
        ConfigError, match=r"export.seeds: all .* training.seeds has one.*got \[0\]"
    ):
        pipeline_file.load("watch", ["export.seeds=all"])
    assert (
        pipeline_file.load("watch", ["export.seeds=all", "training.seeds=[0, 1]"]).export.seeds
        == "all"
    )
