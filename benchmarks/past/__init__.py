"""A long past to read: how long it takes, and what one commit more costs."""
