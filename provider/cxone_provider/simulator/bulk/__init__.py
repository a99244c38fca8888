"""Media Download: many contacts or contact segments in one request."""

from cxone_provider.simulator.bulk.dialect import MediaDownload
from cxone_provider.simulator.bulk.downloads import Downloads

__all__ = ["Downloads", "MediaDownload"]
