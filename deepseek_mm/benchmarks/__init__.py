"""How fast is it, beside the plain way of doing the same, in one run on one machine? Every result names its bar.

A bench is a tuple of measurements. Each is a function that takes a `Setting` and returns a `Result`: lines for people
and numbers for machines.
"""
