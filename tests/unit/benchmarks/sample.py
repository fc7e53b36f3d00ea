"""A small run, made up."""

from benchmarks.results import Results


def made_up() -> Results:
    """Return two rounds in which resqued is twice the bare loop, and RQ half of it."""
    results = Results(machine={"cores": 2, "packages": {"resqued": "0.1.0"}}, plan={"rounds": 2})
    for round_ in (1, 2):
        for name, rate in (("resqued-fork", 200), ("redis-py-fork", 100), ("rq-worker", 50)):
            results.add("throughput-bare", name, {"rate": rate * round_})
        results.add("throughput-large", "limit", {"rate": 100})
        results.add("throughput-large", "redis-py-fork", {"rate": 50})
        results.add("throughput-large", "resqued-fork", {"rate": 70})
        results.add("latency-idle", "resqued-fork", {"p50": 3.0, "p99": 9.0})
        results.add("latency-idle", "resqued-in-process", {"p50": 1.5, "p99": 4.0})
        results.add("twenty-workers", "resqued-fork", {"memory": 2.0, "fewest": 18})
    results.miss("throughput-bare", "resqued-50", "no such option | yet")
    return results
