"""The governed API: what was published, its documents and its evidence, for programs (design §8).

It reads and never changes a version. Who may read is ``datasets.enforcement``'s answer, asked before anything is
fetched; only published versions and tombstones are served, whoever asks.
"""
