"""``python -m tests.golden``: write the golden predictions (``make golden``)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests import `tiny` and `seeded` by name

from tests.golden.tables import write_golden, write_weights

for path in filter(None, (write_golden(), write_weights())):
    print(f"wrote {path.relative_to(Path.cwd())}")
