"""Compare the sites of a scan with known ones: precision, recall and enrichment by tier."""

from vqrna.comparing.agreement import Agreement
from vqrna.comparing.report import write_report
from vqrna.comparing.run import compare

__all__ = ["Agreement", "compare", "write_report"]
