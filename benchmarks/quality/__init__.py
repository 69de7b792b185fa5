"""How good are the models, and how sure is that: baselines and networks on the same windows."""
