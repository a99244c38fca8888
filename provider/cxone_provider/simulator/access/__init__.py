"""Tokens by access key: discovery, the grants, the tenant's configuration, and the older endpoint."""

from cxone_provider.simulator.access.desk import AccessDesk
from cxone_provider.simulator.access.dialect import AccessKeys

__all__ = ["AccessDesk", "AccessKeys"]
