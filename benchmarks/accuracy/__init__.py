"""How often perfgate and other rules are wrong: recorded on real suites, with code changed."""
