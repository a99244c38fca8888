"""S3 as the archive uses it: :class:`S3Store` over a boto3 client that somebody else makes."""

from cxone_provider.adapters.s3.client import default_client, tuned_client_config
from cxone_provider.adapters.s3.settings import StoreSettings, store_settings
from cxone_provider.adapters.s3.store import S3Store

__all__ = ["S3Store", "StoreSettings", "default_client", "store_settings", "tuned_client_config"]
