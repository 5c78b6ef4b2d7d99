"""The inbox's pages: what they show to whom, what each form does, and how many queries they take."""
