"""Secure External Access: recordings that CXone copied into a bucket of the vendor's, as a source like any other."""

from cxone_provider.adapters.external_access.key_mapping import KeyMapping, MappedKey
from cxone_provider.adapters.external_access.listing import listed_objects
from cxone_provider.adapters.external_access.settings import ExternalAccessSettings, external_access_settings
from cxone_provider.adapters.external_access.source import ExternalAccessSource

__all__ = [
    "ExternalAccessSettings",
    "ExternalAccessSource",
    "KeyMapping",
    "MappedKey",
    "external_access_settings",
    "listed_objects",
]
