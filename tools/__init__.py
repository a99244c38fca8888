"""What stands around the package: its environment, servers for tests, the demo."""
