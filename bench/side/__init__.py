"""Contestants, hosts and nets in; out, what each deployment cost, side by side: wall time, CPU, memory, bytes, connections."""
