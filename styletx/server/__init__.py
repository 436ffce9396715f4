"""The server around the page: its start and end, its limits, and what Gradio leaves open."""
