"""Orders to what serves: restart, scale, stop, start, maintenance. One file an order; plan/successor.py makes the plan of any of them."""
