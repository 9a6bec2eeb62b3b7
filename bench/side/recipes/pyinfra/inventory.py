"""pyinfra: all hosts, as the user's ssh configuration reaches them."""

import os

hosts = os.environ["BENCH_HOSTS"].split()
