"""The demo: from a fresh machine to archived recordings, with real Airflow, a real S3 server and a simulated tenant."""
