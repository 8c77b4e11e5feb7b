"""One module per command: glue, in the order it happens."""
