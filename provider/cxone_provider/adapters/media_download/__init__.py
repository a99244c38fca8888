"""Media Download: many recordings made ready by one request, then read from where the tenant put them."""
