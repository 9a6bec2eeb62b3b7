"""Plan: Intent, Release and Facts in, a Plan out. Pure: no clock, no disk, no network, no chance."""
