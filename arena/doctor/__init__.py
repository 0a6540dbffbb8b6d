"""Diagnosis of this machine for `arena doctor`: which frameworks can be imported, which devices they see, and why not."""
