"""How numbers are obtained."""
