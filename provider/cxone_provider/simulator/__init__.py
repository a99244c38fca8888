"""A CXone tenant to develop and test against: ``python -m cxone_provider.simulator --recordings DIR``.

Standard library only, and nothing of the rest of the provider.
"""

from cxone_provider.simulator.clock import Clock, ManualClock, SystemClock
from cxone_provider.simulator.contacts import Contact, Interaction, Participant, Refusal, Segment, Stage
from cxone_provider.simulator.errors import ScenarioError
from cxone_provider.simulator.faults import FAULTS, fault_table
from cxone_provider.simulator.playback import Quota, QuotaEvent
from cxone_provider.simulator.request_log import RequestRecord
from cxone_provider.simulator.settings import ApiSettings
from cxone_provider.simulator.simulation import Simulator
from cxone_provider.simulator.webhook import Delivery

__all__ = [
    "FAULTS",
    "ApiSettings",
    "Clock",
    "Contact",
    "Delivery",
    "Interaction",
    "ManualClock",
    "Participant",
    "Quota",
    "QuotaEvent",
    "Refusal",
    "RequestRecord",
    "ScenarioError",
    "Segment",
    "Simulator",
    "Stage",
    "SystemClock",
    "fault_table",
]
