"""The networks, small to big: quantiser, encoder, context, decoder, model. No training, no files."""
