"""I/O: requests, boto3 and Great Expectations live here and nowhere else; Airflow does not."""
