"""Pictures: arrays and tables in, matplotlib figures out; no model, no pyplot state."""
