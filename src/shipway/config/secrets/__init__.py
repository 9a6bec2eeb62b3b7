"""Values that nobody may see: what a person may refer to in, the values out."""
