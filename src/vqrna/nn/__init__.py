"""The networks: encoder, quantiser, context, head, decoder, model; no training, no files."""
