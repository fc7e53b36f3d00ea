from benchmarks import results
from tests.unit.benchmarks.sample import made_up


def test_results_come_back_from_their_files(tmp_path):
    """What was saved is what is loaded, each measure in a file of its own."""
    results.save(made_up(), tmp_path)
    assert (tmp_path / "throughput-bare.json").exists()
    assert results.load(tmp_path) == made_up()


def test_files_of_another_run_go(tmp_path):
    """A measure that a run has not made is not left over from an earlier one."""
    (tmp_path / "former.json").write_text("{}")
    results.save(made_up(), tmp_path)
    assert not (tmp_path / "former.json").exists()
