"""Connections of Airflow turned into the adapters behind them."""
