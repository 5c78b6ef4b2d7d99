"""Where bytes are: the zone paths people see (``layout``), and the content-addressed store behind them (``store``)."""
