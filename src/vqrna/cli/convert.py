"""`vqrna convert`: import weights that the published code has trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def convert(
    file: Annotated[Path, typer.Argument(help="State dict of the published layout (.pth).")],
    modification: Annotated[
        list[str], typer.Option(help="The type it tells; several in the order of its heads.")
    ],
    out: Annotated[Path, typer.Option(help="Weights file to write (.safetensors).")],
    length: Annotated[
        int, typer.Option(help="Window length in nt; the weights do not tell it.")
    ] = 501,
    base_order: Annotated[
        str, typer.Option(help="Order of the bases that the training used.")
    ] = "ATCG",
) -> None:
    """Turn a .pth of the published layout into weights for vqrna.

    Nothing in the file is executed. The block that the published network never
    uses is dropped. The model is not calibrated: it gives scores, but no
    p-values and no tiers.
    """
    from vqrna.errors import UsageError
    from vqrna.model.published import read_pth
    from vqrna.model.weights import save_model
    from vqrna.modifications import modification as find_modification
    from vqrna.runtime.files import output_directory

    symbols = [part for names in modification for part in names.split(",") if part.strip()]
    types = tuple(find_modification(symbol) for symbol in symbols)
    if not types or len(set(types)) < len(types):
        raise UsageError("--modification names the types of the weights, each once")
    if file.exists() and out.exists() and file.samefile(out):
        raise UsageError(f"--out {out} would take the place of the file that is converted")
    model = read_pth(file, types, length=length, base_order=base_order)
    output_directory(out.parent)  # a set of models is a folder of folders
    saved = save_model(model, out)
    told = ", ".join(kind.symbol for kind in saved.modifications)
    typer.echo(f"wrote {out}: {told}, {saved.length} nt, model {saved.hash}")
