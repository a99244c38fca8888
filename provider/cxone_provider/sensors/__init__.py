"""Sensors: tasks that wait for something of the tenant's, in the worker or in the triggerer."""
