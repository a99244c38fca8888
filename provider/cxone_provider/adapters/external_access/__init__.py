"""Secure External Access: recordings that CXone copied into a bucket of the vendor's, as a source like any other."""
