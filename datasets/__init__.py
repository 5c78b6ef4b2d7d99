"""What is: facts about datasets, written once. Registry, store, ingest, transforms, QA, policy, catalogs."""
