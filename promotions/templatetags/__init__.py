"""Tags that carry promotion facts into templates of apps that may not import promotions."""
