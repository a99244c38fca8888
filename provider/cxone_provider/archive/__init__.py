"""The core: what an archive of recordings is, in plain Python.

Nothing here imports Airflow, requests or boto3, reads a clock or looks at the environment; adapters bring those in
through the ports of :mod:`cxone_provider.archive.ports`.
"""
