"""Speed beside the libraries that do the same: workloads, peers, and fair timing."""

from __future__ import annotations

from unrolled.bench.peak import peak as peak
from unrolled.bench.peers import PEERS as PEERS
from unrolled.bench.run import Row as Row
from unrolled.bench.run import measured as measured
from unrolled.bench.workloads import WORKLOADS as WORKLOADS
from unrolled.bench.workloads import Workload as Workload
