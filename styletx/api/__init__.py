"""What programs ask for, and what the page shares with them."""
