"""In-memory stand-ins for every port; the conformance suites in ``tests/contract`` hold them to the same contracts."""
