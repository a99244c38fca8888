"""Media Playback: contacts and segments with presigned links, the object store behind the links, and the quota."""

from cxone_provider.simulator.playback.dialect import MediaPlayback
from cxone_provider.simulator.playback.links import LinkDesk
from cxone_provider.simulator.playback.quota import Quota, QuotaEvent
from cxone_provider.simulator.playback.store import MediaStore, StoredObject

__all__ = ["LinkDesk", "MediaPlayback", "MediaStore", "Quota", "QuotaEvent", "StoredObject"]
