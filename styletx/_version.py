"""The version of the program, and so of what its settings mean."""

VERSION = "1.0.0"
