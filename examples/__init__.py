"""Applications to read and to run: each file is one, and says how it is served."""
