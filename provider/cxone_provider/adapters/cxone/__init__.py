"""CXone over HTTP: tokens, recordings, listings."""
