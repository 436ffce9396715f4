"""The page: its components, and what happens when somebody uses them."""
