"""Where is an RNA modified, how sure is that, and why."""
__version__ = "0.1.0"
