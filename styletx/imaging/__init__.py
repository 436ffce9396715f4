"""Picture files: read with care, checked, converted and written. No torch, no Gradio."""
