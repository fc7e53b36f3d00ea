"""Failures as the tests of their backends want them."""

from resque.failure import FailedJob, Failure

#: 2026-11-23 18:46:58 UTC and a fraction, which no format shows.
MOMENT = 1795459618.987
JOB = b'{"class":"Boom","args":["x"]}'

#: What lies in ``failed`` after ``failed_job()``, in UTC.
RECORD = (
    b'{"failed_at":"2026/11/23 18:46:58 UTC","payload":{"class":"Boom","args":["x"]},'
    b'"exception":"ArgumentError","error":"bad thing: [\\"x\\"]",'
    b'"backtrace":["app/jobs.rb:4:in `perform\'"],"worker":"vm:14522:q1","queue":"q1"}'
)


def failed_job(
    element: bytes = JOB, queue: str = "q1", error: str = 'bad thing: ["x"]'
) -> FailedJob:
    """Return the failure of a job."""
    failure = Failure("ArgumentError", error, ("app/jobs.rb:4:in `perform'",))
    return FailedJob(queue, element, "vm:14522:q1", failure, MOMENT)
