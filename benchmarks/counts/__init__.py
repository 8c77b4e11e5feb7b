"""How exact instruction counts are: programs, and what they found in docs/counts.md."""
