"""Which recordings are there: completed contacts, and Data Extraction jobs."""

from cxone_provider.simulator.listing.completed import CompletedContacts
from cxone_provider.simulator.listing.extraction import DataExtraction
from cxone_provider.simulator.listing.jobs import ExtractionJobs

__all__ = ["CompletedContacts", "DataExtraction", "ExtractionJobs"]
