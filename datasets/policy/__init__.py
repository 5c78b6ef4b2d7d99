"""Who may do what with which version: words, Rego policies and the engine that asks them.

Decides allow or deny from values it is given (C1, C2; design §6); never fetches anything, knows no Django, no
clock, no rows.
"""
