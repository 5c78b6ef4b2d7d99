"""The catalog triplet: DCAT, STAC and PROV documents built from facts, judged, and held against each other.

Decides nothing about promotion: gate D (clauses D1, D2, D3) reads the findings made here.
Pure: no Django, no clock, no network; the only files read are the schemas and shapes packaged beside the code.
"""
