"""`vqrna convert`: import weights trained with the published code."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vqrna.cli.options import option, weights_option


def convert(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="State dict of the published layout (.pth).")
    ],
    modification: Annotated[list[str], option("Modifications, in the order of the outputs.")],
    out: Annotated[Path, weights_option("Weights file to write (.safetensors).")],
    length: Annotated[int, option("Window length in nt (not stored in the weights).")] = 501,
    base_order: Annotated[str, option("Order of the bases in training.")] = "ATCG",
) -> None:
    """Convert a .pth file of the published code into vqrna weights.

    No code in the file is executed. The block that the published network never
    uses is dropped. The model is not calibrated: it has scores, but no p-values
    and no tiers.
    """
    from vqrna.errors import UsageError
    from vqrna.model.published import read_pth
    from vqrna.model.weights import save_model
    from vqrna.modifications import as_modifications
    from vqrna.runtime.files import output_directory
    from vqrna.runtime.inputs import refuse_input

    types = as_modifications(modification)
    if not types or len(set(types)) < len(types):
        raise UsageError("--modification must name each modification of the weights once")
    refuse_input(out)
    model = read_pth(file, types, length=length, base_order=base_order)
    output_directory(out.parent)  # a set of models is a folder of folders
    saved = save_model(model, out)
    names = ", ".join(m.symbol for m in saved.modifications)
    typer.echo(f"wrote {out}: {names}, {saved.length} nt, model {saved.hash}")
