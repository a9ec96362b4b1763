"""What this machine and installation are like, and what to do about what is wrong with them."""

from unrolled.doctor.checks import examined as examined
from unrolled.doctor.finding import Finding as Finding
