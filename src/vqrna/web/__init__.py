"""The web page and its API: jobs, workers, pages and results (``vqrna serve``)."""
