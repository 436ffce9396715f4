"""python -m styletx deploy and push: the Hugging Face Hub."""
