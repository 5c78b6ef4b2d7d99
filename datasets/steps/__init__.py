"""The steps of the truth path that make files: each reads recorded facts and stored bytes, and leaves one recorded run.

A step moves nothing on the truth path (``promotions.transitions`` does) and may run twice: the bytes come out the same.
"""
