"""Faults as data: each is a small frozen value that changes a request before, or an answer after, the endpoint."""

from cxone_provider.simulator.faults.fault import Fault
from cxone_provider.simulator.faults.matching import Rule, Script
from cxone_provider.simulator.faults.registry import FAULTS, RECORDING_ENDPOINTS, fault_table, parse_rules

__all__ = ["FAULTS", "RECORDING_ENDPOINTS", "Fault", "Rule", "Script", "fault_table", "parse_rules"]
