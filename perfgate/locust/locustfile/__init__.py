"""A folder for what Locust reads by its path: it puts that folder before all modules."""
