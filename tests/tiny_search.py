"""A small search of a tiny network, as a user would write it."""

TINY = """\
[model]
length = 51
codebook_size = 16
code_dim = 8
stem_width = 8
width = 8
head_width = 8

[training]
epochs = 2
batch_size = 16
precision = "float32"
"""

SEARCH = """\
[search]
trials = 3
startup = 2

[space]
learning_rate = { low = 1e-3, high = 1e-1, log = true }
optimizer = ["adamw", "adam"]
weight_decay = { low = 0.0, high = 0.1, when = { optimizer = "adamw" } }

"""
