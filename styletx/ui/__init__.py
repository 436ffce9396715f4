"""The page: its components and their event handlers."""
