"""What perfgate promises of its own speed, as ratios to something measured in the same run."""
