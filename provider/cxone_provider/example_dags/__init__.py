"""DAGs to copy, or to import into a file of your DAG folder; Airflow does not look for any here."""
