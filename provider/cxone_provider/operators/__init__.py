"""Operators: templated fields in, one use case of the core, XCom and Airflow's errors out."""
