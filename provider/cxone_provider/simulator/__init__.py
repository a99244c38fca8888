"""A CXone tenant to develop and test against: ``python -m cxone_provider.simulator --recordings DIR``.

Standard library only, and nothing of the rest of the provider.
"""

from cxone_provider.simulator.clock import Clock, ManualClock, SystemClock
from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.faults import FAULTS, fault_table
from cxone_provider.simulator.request_log import RequestRecord
from cxone_provider.simulator.simulation import Simulator
from cxone_provider.simulator.webhook import Delivery

__all__ = [
    "FAULTS",
    "Clock",
    "Delivery",
    "ManualClock",
    "RequestRecord",
    "ScenarioError",
    "Simulator",
    "SystemClock",
    "fault_table",
]
