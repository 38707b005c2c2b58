"""Checks a GPU at full model size: `python -m prettyuseful.gpu_check`."""
