"""Benchmarks that are for other machines run here as well, so that they cannot fail there."""

import json

import pytest

from tests.benchmarks import gpu


@pytest.mark.slow
def test_the_benchmark_of_graphics_cards_runs_without_one(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["gpu", str(tmp_path), "--quick"])
    gpu.main()
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert results["correctness"]["the same bytes twice"] is True
    assert results["correctness"]["gradient"] < 1e-3
    assert {row["factored"] for row in results["steps"]} == {True, False}
    assert all(row["seconds"] > 0 and "error" not in row for row in results["steps"])
    assert all(run["seconds"] > run["stop"] for run in results["runs"])
    assert capsys.readouterr().out == (tmp_path / "gpu.md").read_text()
