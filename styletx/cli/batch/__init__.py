"""python -m styletx batch: many photos, many paintings."""
