"""What perfgate measures of itself, and the documents that this takes."""
