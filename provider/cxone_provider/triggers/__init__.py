"""Waiting for CXone in Airflow's triggerer."""
