"""Comments on recordings and on moments of them."""
