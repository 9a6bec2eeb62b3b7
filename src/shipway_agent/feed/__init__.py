"""Parcels from the operator and other hosts in, all of them on this host out; hosts pass on what they have while they still receive."""
