"""Reading against pyarrow alone, and growth with the number of files."""

from __future__ import annotations

import pytest

from tests.benchmarks import ingest_speed


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return ingest_speed.write(tmp_path_factory.mktemp("speed") / "p_1.csv", 200_000)


@pytest.mark.parametrize(
    "name", ["pyarrow.csv alone", "har: read", "har: read, examined, cleaned", "pandas.read_csv"]
)
def test_read(benchmark, table, name):
    benchmark(ingest_speed.readers(table)[name])


def test_reading_costs_at_most_half_as_much_again_as_pyarrow(benchmark, table):
    readers = ingest_speed.readers(table)
    benchmark.pedantic(lambda: None, rounds=1)
    base = ingest_speed.cpu_seconds(readers["pyarrow.csv alone"], 9)
    ours = ingest_speed.cpu_seconds(readers["har: read"], 9)
    assert ours < 1.5 * base


def test_a_check_of_many_small_files_costs_some_readings_of_each(benchmark):
    benchmark.pedantic(lambda: None, rounds=1)
    few_s, _ = ingest_speed.check_seconds(100)
    many_s, read_s = ingest_speed.check_seconds(400)
    assert many_s < 5 * few_s
    assert many_s < 15 * read_s


def test_ten_times_the_files_cost_ten_times_the_time_and_the_same_memory(benchmark):
    benchmark.pedantic(lambda: None, rounds=1)
    few_s, few_mb = ingest_speed.growth(4, 40_000)
    many_s, many_mb = ingest_speed.growth(40, 40_000)
    assert many_s < 12 * few_s
    assert many_mb < 1.2 * few_mb
