"""JSON Schemas (2020-12) of the records that ``promotions`` owns; files only, no code."""
