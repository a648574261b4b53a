"""The report in a browser: on a phone, by keyboard, for a screen reader, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.evaluation import workspace

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def file(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of two made-up models."""
    root = tmp_path_factory.mktemp("report")
    done = workspace.run(workspace.context(root, {"cnn": 0.8, "gru": 0.6}))
    return done.outputs["report"].path / "index.html"


@pytest.fixture
def page(chromium: Any, file: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    context = chromium.new_context(**getattr(request, "param", {}))
    page = context.new_page()
    page.set_default_timeout(300_000)
    errors: list[str] = []
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(file.as_uri())
    yield page
    context.close()
    assert errors == []


def column(page: Any, number: int) -> list[str]:
    cells = page.locator(f"#comparison table tr > :nth-child({number})")
    return cells.all_inner_texts()[1:]


def test_a_column_sorts_its_table(page: Any) -> None:
    head = page.locator("#comparison th").nth(1)
    before = [float(v) for v in column(page, 2)]
    page.focus("#comparison th:nth-child(2) button")
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert [float(v) for v in column(page, 2)] == sorted(before, reverse=True)
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(v) for v in column(page, 2)] == sorted(before)
    page.locator("#comparison th button", has_text="model").click()
    assert column(page, 1) == ["cnn", "gru"]


def test_mistakes_of_one_person_and_of_one_pair(page: Any) -> None:
    for section in ("#mistakes", "#map"):
        shown = page.locator(f"{section} [data-person]:visible")
        everybody = shown.count()
        page.locator(f"{section} select").first.select_option("2")
        people = shown.evaluate_all("(items) => [...new Set(items.map((i) => i.dataset.person))]")
        assert people in (["2"], [])
        assert shown.count() < everybody
        page.locator(f"{section} select").first.select_option("")
        assert shown.count() == everybody
        wrong = page.locator(f"{section} [data-person]").evaluate_all(
            "(items) => items.map((i) => [i.dataset.activity, i.dataset.prediction])"
        )
        pair = next([a, b] for a, b in wrong if a != b)
        for number, name in zip((1, 2), pair, strict=True):
            page.locator(f"{section} select").nth(number).select_option(name)
        assert shown.count() == wrong.count(pair)
    assert page.locator("#mistakes h3:visible").count() == 1
    point = page.locator("#map circle").first
    point.dispatch_event("pointerover")
    assert page.inner_text(".told") == point.locator("title").text_content() != ""


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], indirect=True)
def test_without_its_script_everything_is_there(page: Any) -> None:
    assert page.locator(".filters:visible").count() == 0
    assert page.locator("#mistakes li svg").count() > 3
    assert page.locator("#map [data-person]").count() > 100
    assert page.locator("#comparison th").first.inner_text() == "model"


@pytest.mark.parametrize(
    "page", [{"viewport": {"width": 390, "height": 844}, "is_mobile": True}], indirect=True
)
def test_the_answer_is_first_on_a_phone(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    answer = page.locator(".headline").first.bounding_box()
    assert answer["y"] + answer["height"] < 844
    wide = page.evaluate(
        """() => [...document.querySelectorAll("body *")].filter((e) =>
          ["auto", "scroll"].includes(getComputedStyle(e).overflowX) &&
          e.scrollWidth > e.clientWidth)
          .map((e) => [e.tabIndex, e.getAttribute("role"), Boolean(e.ariaLabel)])"""
    )
    assert wide
    assert all(found == [0, "region", True] for found in wide)  # by keyboard, too


def test_every_entry_of_the_contents_leads_somewhere(page: Any) -> None:
    links = page.locator("nav a").evaluate_all("(links) => links.map((a) => a.hash)")
    assert len(links) > 8
    assert all(page.locator(link).count() == 1 for link in links)


def test_on_paper_matrices_are_open_and_tables_whole(page: Any) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 690, "height": 1000})  # A4 less its margins
    assert page.locator("#confusion img:visible").count() == 2
    assert page.locator("nav:visible, select:visible").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 690


@pytest.mark.parametrize(
    "page", [{"color_scheme": "light"}, {"color_scheme": "dark"}], indirect=True
)
def test_axe_finds_nothing_serious(page: Any, axe: Any) -> None:
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    assert axe(page) == []
