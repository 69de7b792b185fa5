"""The networks, small to big: quantiser, coder, context, decoder, model; no training, no files."""
