"""``python -m tests.golden``: write the golden predictions (``make golden``)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # tests import `tiny` and `seeded` by name

from tests.golden.tables import GOLDEN, write_golden, write_weights

for path in filter(None, (*map(write_golden, GOLDEN), write_weights())):
    print(f"wrote {path.relative_to(Path.cwd())}")
