"""What resqued's workers load before they are forked: the application and the jobs."""

import resque
from benchmarks import application, jobs

APPLICATION = application.load()

for name, function in jobs.ALL.items():
    resque.job(queue=jobs.QUEUE, name=name)(function)
