"""What no pipeline file may do."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from har import pipeline_file, strict_yaml
from har.cli.app import main
from har.errors import ConfigError

FILES = Path(__file__).parent / "pipeline_files"

SAID = {
    "anchors-bomb": "line 5: more than 10,000 values",
    "bad-date": "line 7: '2024-99-99'",
    "deep": "line 3: nested more than 32 deep",
    "huge": "windows.length_s",
    "infinite": "signal.rate_hz: Input should be a finite number, got inf",
    "label-traversal": "models.1.label",
    "latin1": "line 1: byte 0xe9 is not UTF-8",
    "list-key": "line 1: a key must be text, got ['a', 'b']",
}


@pytest.mark.parametrize("name", SAID)
def test_a_harmful_file_is_refused_at_once_by_line_or_key(name, tmp_path):
    began = time.process_time()
    result = CliRunner().invoke(
        main, ["--workspace", str(tmp_path / "ws"), "run", str(FILES / f"{name}.yaml")]
    )
    assert time.process_time() - began < 2
    assert result.exit_code == 1
    assert SAID[name] in result.stderr
    assert len(result.stderr.splitlines()) <= 5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &a [*a]", "line 1: an anchor that holds itself"),
        ("a: {1: 2}", "line 1: a key must be text, got 1"),
        ("a: 1\nb: {on: 2}", "line 2: a key must be text, got True"),
        ("a: " + "9" * 5000, "line 1: '999"),
        ("a: !!binary x", "line 1"),
        ("a: !!python/object:os.system x", "line 1: not valid YAML"),
        ("a: [1,\nb: 2", "line 2"),
        ("a: \x07", "not valid YAML"),
        ("--- a\n--- b", "line 2"),
        ("a: 1\na: 2", "key 'a' stands twice, line 2"),
        ("? [[[[a]]]]\n: 1", "line 1: a key must be text"),
    ],
)
def test_a_value_that_cannot_be_is_told_by_its_line(text, said):
    with pytest.raises(ConfigError) as refused:
        strict_yaml.parse(text)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 300


def test_aliases_that_do_no_harm_are_taken():
    assert strict_yaml.parse("a: &a {b: 1}\nc: *a") == {"a": {"b": 1}, "c": {"b": 1}}
    assert strict_yaml.parse("") is None


def test_a_file_of_many_mistakes_names_some(tmp_path):
    path = tmp_path / "many.yaml"
    wrong = "\n".join(f"  key{i}: 1" for i in range(50))
    path.write_text(f"dataset: watch\nmodels: [cnn]\ntraining:\n{wrong}\n")
    with pytest.raises(ConfigError, match="… and 47 more") as refused:
        pipeline_file.load(path)
    assert len(str(refused.value).splitlines()) == 5


def test_a_file_that_is_too_large_or_a_folder_is_refused(tmp_path):
    (tmp_path / "large.yaml").write_text("#" * (2 << 20))
    with pytest.raises(ConfigError, match="too many for a file of settings"):
        strict_yaml.read(tmp_path / "large.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        strict_yaml.read(tmp_path)
