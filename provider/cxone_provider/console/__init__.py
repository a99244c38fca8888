"""The archive console: the archive as pages inside Airflow's UI. Nothing is read before somebody looks."""
