"""Measurements that anyone can repeat: ``python -m bench [name …]``, or ``make bench`` for all of them."""
