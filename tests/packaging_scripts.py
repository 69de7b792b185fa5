"""Scripts of ``packaging/`` as modules; the folder has the name of a library."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def load(name: str) -> ModuleType:
    """Import ``packaging/NAME.py``."""
    path = Path(__file__).parents[1] / "packaging" / f"{name}.py"
    spec = spec_from_file_location(f"packaging_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
