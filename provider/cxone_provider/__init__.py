"""Archive NICE CXone voice recordings to S3 with Apache Airflow.

Airflow reads provider metadata before its own configuration exists, so nothing is imported here.
"""

__version__ = "0.1.0"
