"""Pages of docs/ in, what happens when somebody does what they say out."""
