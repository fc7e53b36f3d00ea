# The pool of the demo: `resqued --embedded examples/pool.py`
#
# Four workers. All of them send mail first; two make images as well, one of them reports, too;
# and whoever has nothing else to do helps where there is work.

worker_pool(4, interval=0.1, name="demo")
queue("mail")
queue("images", percent=50)
queue("reports", count=1)
queue("*")


@before_fork
def load(resqued):
    """Load the application once; the workers share its memory."""
    from examples import jobs  # noqa: F401

    resqued.app_version = "demo"
