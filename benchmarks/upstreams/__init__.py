"""Models of the APIs that the services talk to, served by perfgate's own local upstream."""
