"""What faults.py does to studies, and how it looks at what is left of them."""
