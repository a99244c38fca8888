"""The commands of ``python -m cxone_provider``; each module adds one and runs it."""
