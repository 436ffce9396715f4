"""The API: endpoints for programs, and what the page shares with them."""
