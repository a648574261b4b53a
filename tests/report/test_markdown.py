import json
import re

import pytest
from click.testing import CliRunner

from har.cli.app import main
from har.report import figures, markdown
from tests.evaluation import workspace


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("workspace")
    return workspace.results(workspace.run(workspace.context(root, {"cnn": 0.9, "lstm": 0.6})))


def test_the_page_holds_the_numbers_and_points_at_what_is_there(results, tmp_path):
    written = markdown.write(tmp_path, results, command="har run made --set training.epochs=3")
    assert {p.relative_to(tmp_path).as_posix() for p in written} == {
        "made.md", "made.results.json", "figures/made-confusion.png", "figures/made-people.png",
        "figures/made-classes.png", "figures/made-reliability.png", "figures/made-abstention.png",
    }  # fmt: skip
    text = (tmp_path / "made.md").read_text()
    assert f"| **cnn** | **{results.models['cnn'].macro_f1:.3f}** |" in text
    assert "har run made --set training.epochs=3" in text
    assert results.protocol in text
    assert "0 people, 0 raw samples and 0 stretches" in text
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert (tmp_path / target).is_file(), target
    assert json.loads((tmp_path / "made.results.json").read_text()) == results.as_json()


def test_what_people_wrote_stays(results, tmp_path):
    markdown.write(tmp_path, results)
    path = tmp_path / "made.md"
    text = path.read_text().replace("\n…\n", "\nSitting looks like standing at the waist.\n")
    path.write_text(text)
    markdown.write(tmp_path, results)
    assert path.read_text() == text


def test_more_models_than_colours_are_still_told_apart():
    scores = {f"m{i}": {"1": i / 20, "2": 0.5} for i in range(14)}
    figure = figures.per_subject(scores, "m3")
    drawn = figure.axes[0].collections
    looks = {(tuple(c.get_facecolor()[0][:3]), c.get_paths()[0].vertices.tobytes()) for c in drawn}
    assert len(drawn) == len(looks) == 14


def test_the_command(results, tmp_path):
    (tmp_path / "reports" / "made").mkdir(parents=True)
    results.write(tmp_path / "reports" / "made" / "results.json")
    done = CliRunner().invoke(main, ["--workspace", str(tmp_path), "study", "page", "made"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "reports" / "made.md").is_file()
    missing = CliRunner().invoke(main, ["--workspace", str(tmp_path), "study", "page", "other"])
    assert missing.exit_code == 1
    assert "Run: har run other" in missing.output
